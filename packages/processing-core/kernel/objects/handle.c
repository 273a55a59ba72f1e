/* Handles: a process has one arena reference to each cell, and counts its handles of the cell privately; a handle is
 * pickled as (family, index, generation). */
#include "objects/handle.h"
#include "objects/creation_site.h"
#include "arena/errors.h"
#include "base/private_lock.h"

#include <stdlib.h>
#include <string.h>

/* -- which Python type is which kind -- */

static PyTypeObject *types[CELL_KINDS];
static size_t sizes[CELL_KINDS]; /* of their objects, in bytes */
static PyTypeObject *base_type;

static enum cell_kind kind_of(PyTypeObject *type)
{
    for (int kind = 0; kind < CELL_KINDS; kind++)
        if (types[kind] && PyType_IsSubtype(type, types[kind])) return kind;
    return CELL_FREE;
}

/* -- the private counts: a hash table with linear probing, guarded by the GIL, without one by `locals_lock` -- */

struct local {
    cell_id id; /* 0: empty */
    uint64_t handles;
    refno ref; /* NO_REF: the cell was gone before a fork's child could count it */
};
static struct {
    struct local *slots;
    size_t room, used; /* room is 0 or a power of two */
} locals;
static private_lock locals_lock;

/* Under the lock: no memory of Python's. */
#ifdef Py_GIL_DISABLED
#define table_new calloc
#define table_free free
#else
#define table_new PyMem_Calloc
#define table_free PyMem_Free
#endif

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
    struct local *slots = table_new(n, sizeof *slots);
    if (!slots) return false;
    locals.slots = slots;
    locals.room = n;
    for (size_t i = 0; i < room; i++)
        if (old[i].id) slots[probe(old[i].id)] = old[i];
    table_free(old);
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
    private_lock_take(&locals_lock);
    struct local *l = local_find(id);
    if (!l || --l->handles > 0) {
        private_lock_release(&locals_lock);
        return;
    }
    refno ref = l->ref;
    local_remove(l);
    private_lock_release(&locals_lock);
    if (ref != NO_REF && arena_usable() == OK) cell_detach(ref);
}

PyObject *handle_take_over(PyTypeObject *type, enum cell_kind kind, cell_id id, refno ref)
{
    (void)kind;
    private_lock_take(&locals_lock);
    struct local *known = local_find(id);
    if (known) {
        known->handles++;
        private_lock_release(&locals_lock);
        cell_detach(ref); /* one reference is enough */
    } else if (!local_add(id, ref)) {
        private_lock_release(&locals_lock);
        cell_detach(ref);
        return PyErr_NoMemory();
    } else {
        private_lock_release(&locals_lock);
    }
    PyObject *self = handle_alloc(type, id);
    if (!self) local_drop(id);
    return self;
}

static PyObject *family_maker; /* called when the first cell is made: it makes the family */

static PyObject *create(PyTypeObject *type, enum cell_kind kind, uint64_t size, bool zeroed)
{
    cell_id id;
    refno ref;
    outcome o = cell_create(kind, size, zeroed, &id, &ref);
    if (o == E_NOFAMILY && family_maker) {
        PyObject *none = PyObject_CallObject(family_maker, NULL);
        if (!none) return NULL;
        Py_DECREF(none);
        o = cell_create(kind, size, zeroed, &id, &ref);
    }
    return o == OK ? handle_take_over(type, kind, id, ref) : raise_outcome(o);
}

PyObject *handle_create(PyTypeObject *type, enum cell_kind kind, uint64_t size)
{
    PyObject *self = create(type, kind, size, true);
    if (self && !site_record(((handle_object *)self)->id, kind)) Py_CLEAR(self);
    return self;
}

PyObject *handle_create_raw(PyTypeObject *type, enum cell_kind kind, uint64_t size)
{
    return create(type, kind, size, false);
}

PyObject *handle_attach(PyTypeObject *type, cell_id id)
{
    enum cell_kind kind = kind_of(type);
    private_lock_take(&locals_lock);
    struct local *known = local_find(id);
    if (known && word_kind(load_relaxed(&arena_cell(id_index(id))->word)) == kind) {
        known->handles++;
        private_lock_release(&locals_lock);
        PyObject *self = handle_alloc(type, id);
        if (!self) local_drop(id);
        return self;
    }
    private_lock_release(&locals_lock);
    refno ref;
    outcome o = known ? E_KIND : cell_attach(kind, id, &ref);
    return o == OK ? handle_take_over(type, kind, id, ref) : raise_outcome(o);
}

bool handle_release(PyObject *handle, refno *ref)
{
    private_lock_take(&locals_lock);
    struct local *l = local_find(((handle_object *)handle)->id);
    if (!l || l->handles != 1 || l->ref == NO_REF) {
        private_lock_release(&locals_lock);
        return false;
    }
    *ref = l->ref;
    local_remove(l);
    private_lock_release(&locals_lock);
    return true;
}

/* Other threads, and hooks that run after ours, may make handles between the copying of the references and the fork. */
outcome handles_take_over(void)
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

/* -- handles in a pickle -- */

/* A handle is pickled as a bytes object of 16: the family and the cell's id. Pickle writes an opcode and the length
 * before it, so the handles in a pickle can be found in its bytes. (They could not be recorded while pickling: a thread
 * may be in the middle of several picklings, which greenlets continue in any order.) If other bytes of the user look
 * the same, such as a pickle within the pickle, this counts a reference that is not needed. */
#define TOKEN_SIZE (2 * sizeof(uint64_t))
#define SHORT_BINBYTES 'C'

static void write_needle(uint8_t *to)
{
    to[0] = SHORT_BINBYTES;
    to[1] = TOKEN_SIZE;
    memcpy(to + 2, &arena.header->family.id, sizeof(uint64_t));
}

static bool add_id(struct cell_ids *c, cell_id id)
{
    if (c->n == c->room) {
        uint32_t room = c->room ? c->room * 2 : 8;
        cell_id *ids = PyMem_Realloc(c->ids, room * sizeof *ids);
        if (!ids) return PyErr_NoMemory() != NULL;
        c->ids = ids;
        c->room = room;
    }
    c->ids[c->n++] = id;
    return true;
}

bool handles_in(struct cell_ids *c, const void *pickle, size_t size)
{
    uint8_t needle[2 + sizeof(uint64_t)];
    const uint8_t *at = pickle, *end = at + size;
    if (!arena_there()) return true; /* there is no handle yet */
    write_needle(needle);
    while ((at = platform_find(at, (size_t)(end - at), needle, sizeof needle))) {
        cell_id id;
        at += sizeof needle;
        if ((size_t)(end - at) < sizeof id) return true;
        memcpy(&id, at, sizeof id);
        if (cell_is_live(id) && !add_id(c, id)) return false;
    }
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    cell_id x = *(const cell_id *)a, y = *(const cell_id *)b;
    return (x > y) - (x < y);
}

void cell_ids_unique(struct cell_ids *c)
{
    if (c->n < 2) return;
    qsort(c->ids, c->n, sizeof *c->ids, compare_ids);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < c->n; i++)
        if (c->ids[i] != c->ids[kept - 1]) c->ids[kept++] = c->ids[i];
    c->n = kept;
}

/* -- classes that a program derives -- */

static PyObject *no_arguments; /* an empty tuple */

static int handle_init(PyObject *self, PyObject *args, PyObject *kwargs);

static bool has_own_init(PyTypeObject *type) { return (initproc)PyType_GetSlot(type, Py_tp_init) != handle_init; }

bool handle_arguments(PyTypeObject *type, newfunc made, PyObject **args, PyObject **kwargs)
{
    /* A `__new__` of the program, or of one of the packages above, chooses the arguments itself. */
    if (!has_own_init(type) || (newfunc)PyType_GetSlot(type, Py_tp_new) != made) return true;
    if (!no_arguments && !(no_arguments = PyTuple_New(0))) return false;
    *args = no_arguments;
    *kwargs = NULL;
    return true;
}

/* Let two handles of one kind change places: each is then the other's cell. */
static void swap(PyObject *a, PyObject *b, size_t size)
{
    uint8_t *x = (uint8_t *)a, *y = (uint8_t *)b;
    for (size_t i = sizeof(PyObject); i < size; i++) {
        uint8_t byte = x[i];
        x[i] = y[i];
        y[i] = byte;
    }
}

/* `super().__init__(...)` of a program's class. That class's `__init__` has parameters of its own, so its object was
 * made without arguments; now that they are known, it gets the cell of a new object that is made with them. No other
 * code refers to the object yet. Without arguments it remains as it is; an object of any other class was made with its
 * arguments before. */
static int handle_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    if (handle_no_arguments(args, kwargs)) return 0;
    PyTypeObject *type = Py_TYPE(self);
    if (!has_own_init(type)) return 0;
    enum cell_kind kind = kind_of(type);
    while (has_own_init(type)) type = (PyTypeObject *)PyType_GetSlot(type, Py_tp_base);
    PyObject *made = PyObject_Call((PyObject *)type, args, kwargs);
    if (!made) return -1;
    if (kind_of(Py_TYPE(made)) == kind) swap(self, made, sizes[kind]);
    Py_DECREF(made);
    return 0;
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

static PyObject *attach_function; /* processing_core._kernel.attach_token */

PyObject *handle_reduce_with(PyObject *self, PyObject *state)
{
    handle_object *h = (handle_object *)self;
    if (!handle_usable(self)) return NULL;
    uint64_t token[2] = {arena.header->family.id, h->id};
    return Py_BuildValue(state ? "O(Oy#)O" : "O(Oy#)", attach_function, (PyObject *)Py_TYPE(self), (const char *)token,
                         (Py_ssize_t)sizeof token, state);
}

static PyObject *handle_reduce(PyObject *self, PyObject *Py_UNUSED(none)) { return handle_reduce_with(self, NULL); }

static PyObject *attach(PyTypeObject *type, uint64_t family, cell_id id)
{
    outcome o = arena_usable();
    if (o == E_NOFAMILY || (o == OK && family != arena.header->family.id)) {
        PyErr_Format(error_handle,
                     "a %s of another family (%llx): shared objects can be sent only between the processes below one "
                     "root; unrelated programs meet through Listener and Client or a manager",
                     PyUnicode_AsUTF8AndSize(PyType_GetName(type), NULL), (unsigned long long)family);
        return NULL;
    }
    if (o != OK) return raise_outcome(o);
    if (kind_of(type) == CELL_FREE) {
        PyErr_Format(PyExc_TypeError, "%R is no type of handles", type);
        return NULL;
    }
    return handle_attach(type, id);
}

static PyObject *py_attach(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyTypeObject *type;
    unsigned long long family, id;
    return PyArg_ParseTuple(args, "O!KK", &PyType_Type, &type, &family, &id) ? attach(type, family, id) : NULL;
}

static PyObject *py_attach_token(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyTypeObject *type;
    const char *bytes;
    Py_ssize_t size;
    uint64_t token[2];
    if (!PyArg_ParseTuple(args, "O!y#", &PyType_Type, &type, &bytes, &size)) return NULL;
    if (size != (Py_ssize_t)sizeof token) {
        return PyErr_Format(PyExc_ValueError, "a handle's token of %zd bytes: it has %zu", size, sizeof token);
    }
    memcpy(token, bytes, sizeof token);
    return attach(type, token[0], token[1]);
}

static PyObject *py_set_family_maker(PyObject *Py_UNUSED(module), PyObject *function)
{
    PyObject *old = family_maker;
    family_maker = Py_NewRef(function);
    drop_replaced(old);
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
    {Py_tp_init, handle_init},
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
    sizes[kind] = (size_t)basicsize;
    return types[kind];
}

PyTypeObject *handle_subtype(PyObject *module, const char *name, PyTypeObject *base, PyType_Slot *slots)
{
    PyType_Spec spec = {.name = name, .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, .slots = slots};
    PyObject *type = PyType_FromSpecWithBases(&spec, (PyObject *)base);
    return add_type(module, type, name) ? (PyTypeObject *)type : NULL;
}

static PyMethodDef functions[] = {
    {"attach", py_attach, METH_VARARGS, NULL},
    {"attach_token", py_attach_token, METH_VARARGS, NULL},
    {"set_family_maker", py_set_family_maker, METH_O, NULL},
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
    if (!add_type(module, (PyObject *)base_type, "Handle") || PyModule_AddFunctions(module, functions) < 0)
        return false;
    attach_function = PyObject_GetAttrString(module, "attach_token");
    return attach_function != NULL;
}
