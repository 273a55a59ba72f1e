/* Where things stand in an arena, for readers that have it as bytes: of this family, or of another program's. */
#include "arena/errors.h"
#include "arena/wait_record.h"
#include "cells/kinds.h"
#include "cells/references.h"

static bool add_number(PyObject *dict, const char *name, uint64_t value)
{
    PyObject *number = PyLong_FromUnsignedLongLong(value);
    bool ok = number && PyDict_SetItemString(dict, name, number) == 0;
    Py_XDECREF(number);
    return ok;
}

#define AT(type, field) {#type "." #field, offsetof(struct type, field)}
#define SIZE(type) {#type, sizeof(struct type)}
static const struct cell_field offsets[] = {
    AT(arena_header, magic),
    AT(arena_header, version),
    AT(arena_header, cap),
    AT(arena_header, cells_at),
    AT(arena_header, pages_at),
    AT(arena_header, pages),
    AT(arena_header, heap_at),
    AT(arena_header, total),
    AT(arena_header, records_at),
    AT(arena_header, fresh_cell),
    AT(arena_header, cells_used),
    AT(arena_header, pages_used),
    AT(arena_header, pages_warm),
    AT(arena_header, next_serial),
    SIZE(arena_header),
    AT(member, owner),
    AT(member, state),
    AT(member, pid),
    AT(member, start_time),
    AT(member, references),
    AT(member, startup_data),
    AT(member, name),
    AT(member, waits),
    SIZE(member),
    AT(cell, word),
    AT(cell, offset),
    AT(cell, size),
    AT(cell, site),
    SIZE(cell),
    AT(wait_record, count),
    AT(wait_record, taken),
    AT(wait_record, thread),
    AT(wait_record, at),
    AT(wait_record, target),
    AT(wait_record, since),
    AT(wait_record, deadline),
    AT(wait_record, looked),
    AT(wait_record, threads),
    AT(wait_record, items),
    AT(wait_record, bytes),
    AT(wait_record, name),
    AT(wait_record, text),
    SIZE(wait_record),
    AT(chunk, next),
    AT(chunk, entries),
    SIZE(chunk),
    AT(reference, ref),
    AT(reference, transfer),
    SIZE(reference),
    {"members_at", MEMBERS_AT},
    {"member_slots", MEMBER_SLOTS},
    {"member_records", MEMBER_RECORDS},
    {"page_size", ARENA_PAGE},
    {NULL, 0},
};

static const char *const kinds[CELL_KINDS] = {"free",   "Lock",      "RLock",        "Semaphore", "BoundedSemaphore",
                                              "Event",  "Condition", "Value",        "parcel",    "Queue",
                                              "claims", "block",     "PriorityQueue"};

static PyObject *fields_of(const struct cell_field *fields)
{
    PyObject *dict = PyDict_New();
    bool ok = dict;
    for (; ok && fields && fields->name; fields++) ok = add_number(dict, fields->name, fields->offset);
    if (!ok) Py_CLEAR(dict);
    return dict;
}

/* layout(): (offsets and sizes, [(kind, {field: offset in the cell's block}), ...] by the kind's number). */
static PyObject *py_layout(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    PyObject *list = PyList_New(0);
    for (int i = 0; list && i < CELL_KINDS; i++) {
        PyObject *row = Py_BuildValue("sN", kinds[i], fields_of(cell_ops[i] ? cell_ops[i]->fields : NULL));
        if (!row || PyList_Append(list, row) < 0) Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list ? Py_BuildValue("NN", fields_of(offsets), list) : NULL;
}

/* read_arena(offset, n): that many bytes, or fewer at the end of what this process maps.  They may change meanwhile. */
static PyObject *py_read_arena(PyObject *Py_UNUSED(module), PyObject *args)
{
    unsigned long long offset, n;
    if (!PyArg_ParseTuple(args, "KK", &offset, &n)) return NULL;
    outcome o = arena_usable();
    if (o != OK) return raise_outcome(o);
    if (offset > arena.mapped) offset = arena.mapped;
    if (n > arena.mapped - offset) n = arena.mapped - offset;
    return PyBytes_FromStringAndSize(arena_at(offset), (Py_ssize_t)n);
}

static PyMethodDef functions[] = {
    {"layout", py_layout, METH_NOARGS, NULL},
    {"read_arena", py_read_arena, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool layout_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
