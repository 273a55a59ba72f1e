/* Looking at every primitive of the arena, without a reference to any.
 *
 * A cell is read word by word while others use it, and may even be freed meanwhile: its word (kind, generation, count)
 * is read before and after, and where it changed what was read in between is thrown away.  Every address stays inside
 * the mapped arena, whose file is never shorter, so the reads themselves are safe. */
#include "objects/creation_site.h"
#include "arena/errors.h"
#include "sync/wait.h"

/* (kind, index, generation, holders, waiters, site); NULL without an exception if there is none to be seen. */
static PyObject *look_at(uint32_t index, const struct wait_seen *seen, uint32_t n)
{
    struct cell *c = arena_cell(index);
    uint64_t word = load_acquire(&c->word), at = load_acquire(&c->offset), size = load_acquire(&c->size);
    uint32_t kind = word_kind(word), generation = word_generation(word);
    const struct cell_ops *ops = kind < CELL_KINDS ? cell_ops[kind] : NULL;
    if (!ops || !ops->name || !word_count(word) || !at || at + size > arena.mapped) return NULL;
    PyObject *row = Py_BuildValue("sIINNN", ops->name, index, generation,
                                  ops->holders ? ops->holders(arena_at(at), size) : PyList_New(0),
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
    {NULL, NULL, 0, NULL},
};

bool introspect_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
