/* The line that made a cell is a block of text on the cell's chain, freed with it.  `cell.site` is its offset. */
#include "objects/creation_site.h"
#include "cells/cell_table.h"
#include "arena/errors.h"
#include "arena/journal.h"
#include "base/private_lock.h"

#include <string.h>

#define SITE_ROOM 512
struct site {
    word64 next; /* the chain's */
    char text[SITE_ROOM - 8];
};

static word64 finder; /* address of what is called when a primitive is made: the line to remember; 0: do not record */

static outcome write_site(cell_id id, const char *text)
{
    struct section s;
    uint64_t offset;
    arena_enter(&s, true);
    outcome o = cell_chain(id_index(id), sizeof(struct site), &offset);
    if (o == OK) {
        struct site *site = arena_at(offset);
        strncpy(site->text, text, sizeof site->text - 1); /* no other process sees the block yet */
        site->text[sizeof site->text - 1] = 0;
        tx_set(&arena_cell(id_index(id))->site, offset);
    } else {
        tx_abort();
    }
    arena_leave(&s);
    return o;
}

bool site_record(cell_id id, enum cell_kind kind)
{
    PyObject *function = (PyObject *)(uintptr_t)load(&finder); /* once: another thread may turn the recording off */
    if (!function || kind == CELL_PARCEL) return true;
    PyObject *line = PyObject_CallObject(function, NULL);
    const char *text = line && PyUnicode_Check(line) ? PyUnicode_AsUTF8AndSize(line, NULL) : NULL;
    outcome o = text ? write_site(id, text) : OK;
    bool failed = !line || (PyUnicode_Check(line) && !text) || o != OK;
    if (o != OK) raise_outcome(o);
    Py_XDECREF(line);
    return !failed;
}

PyObject *site_of(struct cell *c)
{
    uint64_t at = load_acquire(&c->site);
    if (!at || at + sizeof(struct site) > arena.mapped) return Py_NewRef(Py_None);
    const char *text = ((struct site *)arena_at(at))->text;
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strnlen(text, SITE_ROOM - 9), "replace");
}

static PyObject *py_set_site_finder(PyObject *Py_UNUSED(module), PyObject *function)
{
    uint64_t new = function == Py_None ? 0 : (uintptr_t)Py_NewRef(function);
    drop_replaced((PyObject *)(uintptr_t)exchange(&finder, new));
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"set_site_finder", py_set_site_finder, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

bool creation_site_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
