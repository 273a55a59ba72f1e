/* Handles: one arena reference a process and cell, counted privately; pickled as (family, index, generation). */
#include "handle.h"

#include <string.h>

/* -- which Python type is which kind -- */

static PyTypeObject *types[CELL_KINDS];
static PyTypeObject *base_type;

static enum cell_kind kind_of(PyTypeObject *type)
{
    for (int kind = 0; kind < CELL_KINDS; kind++)
        if (types[kind] && PyType_IsSubtype(type, types[kind])) return kind;
    return CELL_FREE;
}

/* -- the private counts: a hash table with linear probing, guarded by the GIL -- */

struct local {
    cell_id id; /* 0: empty */
    uint64_t handles;
    refno ref; /* NO_REF: the cell was gone before a fork's child could count it */
};
static struct {
    struct local *slots;
    size_t room, used; /* room is 0 or a power of two */
} locals;

static size_t probe(cell_id id)
{
    size_t i = (size_t)(id * 0x9e3779b97f4a7c15ull >> 20) & (locals.room - 1);
    while (locals.slots[i].id && locals.slots[i].id != id) i = (i + 1) & (locals.room - 1);
    return i;
}

static struct local *local_find(cell_id id)
{
    if (!locals.room) return NULL;
    struct local *l = &locals.slots[probe(id)];
    return l->id ? l : NULL;
}

static bool locals_grow(void)
{
    struct local *old = locals.slots;
    size_t room = locals.room, n = room ? room * 2 : 64;
    if (locals.used * 2 < room) return true;
    struct local *slots = PyMem_Calloc(n, sizeof *slots);
    if (!slots) return false;
    locals.slots = slots;
    locals.room = n;
    for (size_t i = 0; i < room; i++)
        if (old[i].id) slots[probe(old[i].id)] = old[i];
    PyMem_Free(old);
    return true;
}

static bool local_add(cell_id id, refno ref)
{
    if (!locals_grow()) return false;
    locals.slots[probe(id)] = (struct local){id, 1, ref};
    locals.used++;
    return true;
}

/* Remove, and shift back what the hole would cut off from its probe sequence. */
static void local_remove(struct local *l)
{
    size_t mask = locals.room - 1, i = (size_t)(l - locals.slots);
    l->id = 0;
    locals.used--;
    for (i = (i + 1) & mask; locals.slots[i].id; i = (i + 1) & mask) {
        struct local moved = locals.slots[i];
        locals.slots[i].id = 0;
        locals.slots[probe(moved.id)] = moved;
    }
}

/* -- making handles -- */

static PyObject *handle_alloc(PyTypeObject *type, cell_id id)
{
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    handle_object *self = (handle_object *)alloc(type, 0);
    if (!self) return NULL;
    self->id = id;
    self->block = cell_block(id);
    store_relaxed(&self->spin.credit, SPIN_CREDIT);
    return (PyObject *)self;
}

/* Drop one of this process's handles to a cell; with the last one its reference in the arena. */
static void local_drop(cell_id id)
{
    struct local *l = local_find(id);
    if (!l || --l->handles > 0) return;
    refno ref = l->ref;
    local_remove(l);
    if (ref != NO_REF && arena_usable() == OK) cell_detach(ref);
}

PyObject *handle_adopt(PyTypeObject *type, enum cell_kind kind, cell_id id, refno ref)
{
    (void)kind;
    struct local *known = local_find(id);
    if (known) {
        known->handles++;
        cell_detach(ref); /* one reference is enough */
    } else if (!local_add(id, ref)) {
        cell_detach(ref);
        return PyErr_NoMemory();
    }
    PyObject *self = handle_alloc(type, id);
    if (!self) local_drop(id);
    return self;
}

static PyObject *founder; /* called when the first cell is made: it founds the family */

static PyObject *create(PyTypeObject *type, enum cell_kind kind, uint64_t size, bool zeroed)
{
    cell_id id;
    refno ref;
    outcome o = cell_create(kind, size, zeroed, &id, &ref);
    if (o == E_NOFAMILY && founder) {
        PyObject *none = PyObject_CallObject(founder, NULL);
        if (!none) return NULL;
        Py_DECREF(none);
        o = cell_create(kind, size, zeroed, &id, &ref);
    }
    return o == OK ? handle_adopt(type, kind, id, ref) : raise_outcome(o);
}

PyObject *handle_create(PyTypeObject *type, enum cell_kind kind, uint64_t size)
{
    PyObject *self = create(type, kind, size, true);
    if (self && !site_record(self, kind)) Py_CLEAR(self);
    return self;
}

PyObject *handle_create_raw(PyTypeObject *type, enum cell_kind kind, uint64_t size)
{
    return create(type, kind, size, false);
}

PyObject *handle_attach(PyTypeObject *type, cell_id id)
{
    enum cell_kind kind = kind_of(type);
    struct local *known = local_find(id);
    if (known && word_kind(load_relaxed(&arena_cell(id_index(id))->word)) == kind) {
        known->handles++;
        PyObject *self = handle_alloc(type, id);
        if (!self) local_drop(id);
        return self;
    }
    refno ref;
    outcome o = known ? E_KIND : cell_attach(kind, id, &ref);
    return o == OK ? handle_adopt(type, kind, id, ref) : raise_outcome(o);
}

bool handle_release(PyObject *handle, refno *ref)
{
    struct local *l = local_find(((handle_object *)handle)->id);
    if (!l || l->handles != 1 || l->ref == NO_REF) return false;
    *ref = l->ref;
    local_remove(l);
    return true;
}

/* Other threads, and hooks that run after ours, may make handles between the copying of the references and the fork. */
outcome handles_adopt(void)
{
    for (size_t i = 0; i < locals.room; i++) {
        struct local *l = &locals.slots[i];
        if (!l->id || reference_holds(l->ref, l->id)) continue;
        refno ref;
        outcome o = cell_attach(word_kind(load_relaxed(&arena_cell(id_index(l->id))->word)), l->id, &ref);
        if (o != OK && o != E_STALE) return o;
        l->ref = o == OK ? ref : NO_REF; /* stale: its parent dropped it since */
    }
    return OK;
}

bool handle_usable(PyObject *handle)
{
    (void)handle;
    outcome o = arena_usable();
    if (o != OK) raise_outcome(o);
    return o == OK;
}

/* -- collecting what is pickled -- */

static _Thread_local struct collection *collecting;

void collect_begin(struct collection *c)
{
    *c = (struct collection){.outer = collecting};
    collecting = c;
}

void collect_end(struct collection *c) { collecting = c->outer; }

static bool collect(cell_id id)
{
    struct collection *c = collecting;
    if (!c) return true;
    for (uint32_t i = 0; i < c->n; i++)
        if (c->ids[i] == id) return true;
    if (c->n == c->room) {
        uint32_t room = c->room ? c->room * 2 : 8;
        cell_id *ids = PyMem_Realloc(c->ids, room * sizeof *ids);
        if (!ids) {
            PyErr_NoMemory();
            return false;
        }
        c->ids = ids;
        c->room = room;
    }
    c->ids[c->n++] = id;
    return true;
}

/* -- the Python side -- */

void handle_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    cell_id id = ((handle_object *)self)->id;
    if (id) local_drop(id);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *attach_function; /* processing_core._kernel.attach */

PyObject *handle_reduce_with(PyObject *self, PyObject *state)
{
    handle_object *h = (handle_object *)self;
    if (!handle_usable(self) || !collect(h->id)) return NULL;
    return Py_BuildValue(state ? "O(OKK)O" : "O(OKK)", attach_function, (PyObject *)Py_TYPE(self),
                         (unsigned long long)arena.header->family, (unsigned long long)h->id, state);
}

static PyObject *handle_reduce(PyObject *self, PyObject *Py_UNUSED(none)) { return handle_reduce_with(self, NULL); }

static PyObject *py_attach(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyTypeObject *type;
    unsigned long long family, id;
    if (!PyArg_ParseTuple(args, "O!KK", &PyType_Type, &type, &family, &id)) return NULL;
    outcome o = arena_usable();
    if (o == E_NOFAMILY || (o == OK && family != arena.header->family)) {
        PyErr_Format(error_handle,
                     "a %s of another family (%llx): shared objects can be sent only between the processes below one "
                     "root; unrelated programs meet through Listener and Client or a manager",
                     PyUnicode_AsUTF8AndSize(PyType_GetName(type), NULL), family);
        return NULL;
    }
    if (o != OK) return raise_outcome(o);
    if (kind_of(type) == CELL_FREE) {
        PyErr_Format(PyExc_TypeError, "%R is no type of handles", type);
        return NULL;
    }
    return handle_attach(type, id);
}

static PyObject *py_set_founder(PyObject *Py_UNUSED(module), PyObject *function)
{
    PyObject *old = founder;
    founder = Py_NewRef(function);
    Py_XDECREF(old);
    Py_RETURN_NONE;
}

static PyObject *handle_cell(PyObject *self, void *Py_UNUSED(closure))
{
    cell_id id = ((handle_object *)self)->id;
    return Py_BuildValue("II", id_index(id), id_generation(id));
}

static PyObject *handle_compare(PyObject *self, PyObject *other, int op)
{
    if ((op != Py_EQ && op != Py_NE) || !PyObject_TypeCheck(other, base_type)) Py_RETURN_NOTIMPLEMENTED;
    bool equal = ((handle_object *)self)->id == ((handle_object *)other)->id;
    return PyBool_FromLong(equal == (op == Py_EQ));
}

static Py_hash_t handle_hash(PyObject *self)
{
    return (Py_hash_t)(((handle_object *)self)->id * 0x9e3779b97f4a7c15ull >> 8);
}

static PyMethodDef handle_methods[] = {
    {"__reduce__", handle_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef handle_getset[] = {
    {"cell", handle_cell, NULL, "(index, generation) of the cell", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot handle_slots[] = {
    {Py_tp_dealloc, handle_dealloc},
    {Py_tp_methods, handle_methods},
    {Py_tp_getset, handle_getset},
    {Py_tp_richcompare, handle_compare},
    {Py_tp_hash, handle_hash},
    {0, NULL},
};

static bool add_type(PyObject *module, PyObject *type, const char *name)
{
    const char *dot = strrchr(name, '.');
    return type && PyModule_AddObjectRef(module, dot ? dot + 1 : name, type) == 0;
}

PyTypeObject *handle_type(PyObject *module, const char *name, enum cell_kind kind, int basicsize, PyType_Slot *slots,
                          bool subclassable)
{
    PyType_Spec spec = {
        .name = name,
        .basicsize = basicsize,
        .flags = Py_TPFLAGS_DEFAULT | (subclassable ? Py_TPFLAGS_BASETYPE : 0),
        .slots = slots,
    };
    PyObject *type = PyType_FromSpecWithBases(&spec, (PyObject *)base_type);
    if (!add_type(module, type, name)) return NULL;
    types[kind] = (PyTypeObject *)type;
    return types[kind];
}

static PyMethodDef functions[] = {
    {"attach", py_attach, METH_VARARGS, NULL},
    {"set_founder", py_set_founder, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

bool handle_register(PyObject *module)
{
    PyType_Spec spec = {
        .name = "processing_core._kernel.Handle",
        .basicsize = sizeof(handle_object),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = handle_slots,
    };
    base_type = (PyTypeObject *)PyType_FromSpec(&spec);
    if (!add_type(module, (PyObject *)base_type, "Handle") || PyModule_AddFunctions(module, functions) < 0) return false;
    attach_function = PyObject_GetAttrString(module, "attach");
    return attach_function != NULL;
}
