/* See longest.h. */
#include "pool/longest.h"

#include <string.h>

/* Of the message that this worker runs; its only thread that runs items writes them, with the GIL. */
static struct {
    uint64_t item;
    int64_t ns;
} listed[LONGEST_ITEMS];
static int n_listed;

void longest_list(struct claim *c, uint64_t item, int64_t ns)
{
    int to = n_listed;
    if (n_listed == LONGEST_ITEMS) {
        to = 0;
        for (int i = 1; i < LONGEST_ITEMS; i++)
            if (listed[i].ns < listed[to].ns) to = i;
        if (listed[to].ns >= ns) return;
    } else {
        n_listed++;
    }
    listed[to].item = item;
    listed[to].ns = ns;
    (void)c;
}

bool longest_listed(void) { return n_listed != 0; }

PyObject *longest_take(void)
{
    PyObject *list = PyList_New(0);
    for (int i = 0; list && i < n_listed; i++) {
        PyObject *row = Py_BuildValue("KL", (unsigned long long)listed[i].item, (long long)listed[i].ns);
        if (!row || PyList_Append(list, row) < 0) Py_CLEAR(list);
        Py_XDECREF(row);
    }
    n_listed = 0;
    return list;
}

static struct longest *shortest(struct longest table[LONGEST_ITEMS])
{
    struct longest *found = table;
    for (int i = 1; i < LONGEST_ITEMS; i++)
        if (load_relaxed(&table[i].ns) < load_relaxed(&found->ns)) found = &table[i];
    return found;
}

bool longest_write(struct claim *c, struct longest table[LONGEST_ITEMS], uint64_t ns, const char *text)
{
    struct longest *to = shortest(table);
    if (load_relaxed(&to->ns) >= ns) return false;
    store_relaxed(&to->count, load_relaxed(&to->count) | 1);
    fence_release();
    store_relaxed(&to->ns, ns);
    strncpy(to->text, text, LONGEST_TEXT - 1);
    store_release(&to->count, load_relaxed(&to->count) + 1);
    store_relaxed(&c->floor, load_relaxed(&shortest(table)->ns));
    return true;
}

static PyObject *row_of(struct longest *l)
{
    char text[LONGEST_TEXT];
    uint64_t count = load_acquire(&l->count), ns = load_relaxed(&l->ns);
    memcpy(text, l->text, sizeof text);
    text[sizeof text - 1] = 0;
    fence_acquire();
    if (!ns || count & 1 || load_relaxed(&l->count) != count) return Py_NewRef(Py_None);
    return Py_BuildValue("KN", (unsigned long long)ns, PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace"));
}

PyObject *longest_rows(struct longest table[LONGEST_ITEMS])
{
    PyObject *list = PyList_New(0);
    for (int i = 0; list && i < LONGEST_ITEMS; i++) {
        PyObject *row = row_of(&table[i]);
        if (!row || (row != Py_None && PyList_Append(list, row) < 0)) Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}

/* The oldest one goes: the others move up, so that a reader finds each under its cell or not at all. */
void function_note(struct function_name table[FUNCTION_NAMES], uint64_t cell, const char *text)
{
    for (int i = FUNCTION_NAMES - 1; i > 0; i--) {
        store(&table[i].cell, 0);
        memcpy(table[i].text, table[i - 1].text, sizeof table->text);
        store(&table[i].cell, load(&table[i - 1].cell));
    }
    store(&table[0].cell, 0);
    memset(table[0].text, 0, sizeof table->text);
    strncpy(table[0].text, text, sizeof table->text - 1);
    store(&table[0].cell, cell);
}
