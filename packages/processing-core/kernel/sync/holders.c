/* See holders.h. */
#include "sync/holders.h"
#include "arena/liveness.h"
#include "family/member.h"

void tally_add(struct tally *tallies, owner_id who)
{
    for (int i = 0; who && i < TALLIES; i++) {
        if (tallies[i].who && tallies[i].who != who) continue;
        tallies[i].who = who;
        tallies[i].permits++;
        return;
    }
}

PyObject *tally_rows(const struct tally *tallies)
{
    PyObject *list = PyList_New(0);
    for (int i = 0; list && i < TALLIES && tallies[i].who; i++) {
        PyObject *row =
            Py_BuildValue("NOIOO", member_identity(tallies[i].who), member_alive(tallies[i].who) ? Py_True : Py_False,
                          tallies[i].permits, Py_None, Py_False);
        if (!row || PyList_Append(list, row) < 0) Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}
