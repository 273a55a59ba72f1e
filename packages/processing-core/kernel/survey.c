/* Looking at every primitive of the arena, without a reference to any.
 *
 * A cell is read word by word while others use it, and may even be freed meanwhile: its word (kind, generation, count)
 * is read before and after, and where it changed what was read in between is thrown away.  Every address stays inside
 * the mapped arena, whose file is never shorter, so the reads themselves are safe.
 *
 * The line that made a cell is a block of text on the cell's chain, freed with it.  `cell.site` is its offset. */
#include "waits.h"
#include "lock.h"
#include "member.h"
#include "semaphore.h"

#include <string.h>

#define SITE_ROOM 512
struct site {
    word64 next; /* the chain's */
    char text[SITE_ROOM - 8];
};

static const char *const kinds[CELL_KINDS] = {
    [CELL_LOCK] = "Lock",           [CELL_RLOCK] = "RLock", [CELL_SEMAPHORE] = "Semaphore",
    [CELL_BOUNDED] = "BoundedSemaphore", [CELL_EVENT] = "Event", [CELL_CONDITION] = "Condition",
};

static PyObject *finder; /* called when a primitive is made: the line to remember; NULL: do not record */

static outcome write_site(cell_id id, const char *text)
{
    struct section s;
    uint64_t offset;
    arena_enter(&s, true);
    outcome o = cell_chain(id_index(id), sizeof(struct site), &offset);
    if (o == OK) {
        struct site *site = arena_at(offset);
        strncpy(site->text, text, sizeof site->text - 1); /* nobody sees the block yet */
        site->text[sizeof site->text - 1] = 0;
        tx_set(&arena_cell(id_index(id))->site, offset);
    } else {
        tx_abort();
    }
    arena_leave(&s);
    return o;
}

bool site_record(PyObject *handle, enum cell_kind kind)
{
    if (!finder || !kinds[kind]) return true;
    PyObject *line = PyObject_CallObject(finder, NULL);
    const char *text = line && PyUnicode_Check(line) ? PyUnicode_AsUTF8AndSize(line, NULL) : NULL;
    outcome o = text ? write_site(((handle_object *)handle)->id, text) : OK;
    bool failed = !line || (PyUnicode_Check(line) && !text) || o != OK;
    if (o != OK) raise_outcome(o);
    Py_XDECREF(line);
    return !failed;
}

static PyObject *py_set_site_finder(PyObject *Py_UNUSED(module), PyObject *function)
{
    PyObject *old = finder;
    finder = function == Py_None ? NULL : Py_NewRef(function);
    Py_XDECREF(old);
    Py_RETURN_NONE;
}

static PyObject *holders_of(enum cell_kind kind, void *block, uint64_t size)
{
    if (kind == CELL_LOCK || kind == CELL_RLOCK) return lock_holders(block);
    if (kind == CELL_BOUNDED) return permit_holders(block, size);
    if (kind == CELL_SEMAPHORE && ((struct semaphore *)block)->reclaim) return reclaim_holders(block);
    return PyList_New(0);
}

static PyObject *site_of(struct cell *c)
{
    uint64_t at = load_acquire(&c->site);
    if (!at || at + sizeof(struct site) > arena.mapped) return Py_NewRef(Py_None);
    const char *text = ((struct site *)arena_at(at))->text;
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strnlen(text, SITE_ROOM - 9), "replace");
}

/* (kind, index, generation, holders, waiters, site); NULL without an exception if there is none to be seen. */
static PyObject *look_at(uint32_t index, const struct wait_seen *seen, uint32_t n)
{
    struct cell *c = arena_cell(index);
    uint64_t word = load_acquire(&c->word), at = load_acquire(&c->offset), size = load_acquire(&c->size);
    uint32_t kind = word_kind(word), generation = word_generation(word);
    if (kind >= CELL_KINDS || !kinds[kind] || !word_count(word) || !at || at + size > arena.mapped) return NULL;
    PyObject *row = Py_BuildValue("sIINNN", kinds[kind], index, generation, holders_of(kind, arena_at(at), size),
                                  waiters_of(seen, n, (cell_id)generation << 32 | index), site_of(c));
    uint64_t now = load_acquire(&c->word);
    if (row && (word_kind(now) != kind || word_generation(now) != generation)) Py_CLEAR(row);
    return row;
}

static bool look_at_all(PyObject *list, const struct wait_seen *seen, uint32_t n)
{
    uint64_t end = load_acquire(&arena.header->fresh_cell);
    for (uint32_t index = 1; index < end; index++) {
        PyObject *row = look_at(index, seen, n);
        bool failed = row ? PyList_Append(list, row) < 0 : PyErr_Occurred() != NULL;
        Py_XDECREF(row);
        if (failed) return false;
    }
    return true;
}

static PyObject *py_primitives(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    struct wait_seen *seen = NULL;
    if (arena_usable() != OK) return PyList_New(0);
    uint32_t n = waits_read(&seen);
    PyObject *list = n == UINT32_MAX ? NULL : PyList_New(0);
    if (list && !look_at_all(list, seen, n)) Py_CLEAR(list);
    PyMem_Free(seen);
    return list;
}

static PyObject *py_waiters(PyObject *Py_UNUSED(module), PyObject *args)
{
    unsigned int index, generation;
    struct wait_seen *seen = NULL;
    if (!PyArg_ParseTuple(args, "II", &index, &generation)) return NULL;
    if (arena_usable() != OK) return PyList_New(0);
    uint32_t n = waits_read(&seen);
    PyObject *list = n == UINT32_MAX ? NULL : waiters_of(seen, n, (cell_id)generation << 32 | index);
    PyMem_Free(seen);
    return list;
}

static PyMethodDef functions[] = {
    {"primitives", py_primitives, METH_NOARGS, NULL},
    {"waiters", py_waiters, METH_VARARGS, NULL},
    {"set_site_finder", py_set_site_finder, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

bool survey_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
