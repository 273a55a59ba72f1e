/* See packing.h. */
#include "objects/packing.h"
#include "arena/errors.h"
#include "arena/journal.h"

outcome parcel_make(const struct encoding *e, cell_id *id, refno *ref)
{
    return parcel_make_with_key(e, NULL, 0, id, ref);
}

outcome parcel_make_with_key(const struct encoding *e, const void *key, size_t key_size, cell_id *id, refno *ref)
{
    size_t size = key_size + encoding_size(e);
    uint64_t room = e->refs.n;
    outcome o = cell_create(CELL_PARCEL, sizeof(struct parcel) + room * sizeof(uint64_t) + size, false, id, ref);
    if (o != OK) return o;
    struct parcel *p = parcel_at(*id);
    store_relaxed(&p->n_refs, 0);
    p->refs_room = room;
    p->size = size;
    p->key_size = key_size;
    cell_ready(*id);
    crash_point();
    o = parcel_count(p, e->refs.ids, e->refs.n);
    if (o != OK) {
        cell_detach(*ref);
        return o;
    }
    if (key_size) memcpy(parcel_data(p), key, key_size);
    encoding_copy(e, parcel_data(p) + key_size);
    return OK;
}

static PyObject *parcel_decode(struct parcel *p, enum block_access access, bool *kept)
{
    struct blocks blocks = {p->refs, load_relaxed(&p->n_refs), access};
    return decode(parcel_data(p) + p->key_size, p->size - p->key_size, &blocks, kept);
}

PyObject *parcel_open(refno ref, bool copy)
{
    bool kept;
    PyObject *object =
        parcel_decode(parcel_at(load_relaxed(&reference_at(ref)->ref)), copy ? BLOCK_COPY : BLOCK_VIEW, &kept);
    if (!kept) cell_detach(ref);
    return object;
}

/* -- the Python side -- */

static PyTypeObject *parcel_type;

static PyObject *py_pack(PyObject *Py_UNUSED(module), PyObject *object)
{
    struct encoding e;
    cell_id id;
    refno ref;
    PyObject *parcel = NULL;
    encoding_begin(&e);
    if (encode(&e, object)) {
        outcome o = parcel_make(&e, &id, &ref);
        parcel = o == OK ? handle_take_over(parcel_type, CELL_PARCEL, id, ref) : raise_outcome(o);
    }
    encoding_end(&e);
    return parcel;
}

bool parcel_check(PyObject *object)
{
    if (PyObject_TypeCheck(object, parcel_type)) return handle_usable(object);
    PyErr_Format(PyExc_TypeError, "%R is no parcel", object);
    return false;
}

/* unpack(parcel, take=False, share=False) */
static PyObject *py_unpack(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"", "take", "share", NULL};
    PyObject *object;
    int take = 0, share = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|pp:unpack", names, &object, &take, &share)
        || !parcel_check(object))
        return NULL;
    bool kept;
    Py_INCREF(object);
    PyObject *result = parcel_decode(parcel_at(((handle_object *)object)->id),
                                     share  ? BLOCK_READONLY
                                     : take ? BLOCK_VIEW
                                            : BLOCK_COPY,
                                     &kept);
    if (!kept) Py_DECREF(object); /* else this handle lives for ever, and with it the bytes */
    return result;
}

static PyObject *py_set_startup_data(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *parcel;
    unsigned int slot;
    unsigned long long serial;
    struct section s;
    if (!PyArg_ParseTuple(args, "OIK", &parcel, &slot, &serial) || !parcel_check(parcel)) return NULL;
    if (slot >= MEMBER_SLOTS) return raise_outcome(E_STALE);
    struct member *m = arena_member(slot);
    arena_enter(&s, true);
    bool reserved = load_relaxed(&m->owner) == make_owner(serial, slot) && load_relaxed(&m->state) == SLOT_RESERVED;
    outcome o = reserved && !load_relaxed(&m->startup_data) ? OK : E_STALE;
    if (o == OK) o = cell_count(((handle_object *)parcel)->id, +1);
    if (o == OK) tx_set(&m->startup_data, ((handle_object *)parcel)->id);
    arena_leave(&s);
    if (o != OK) return raise_outcome(o);
    Py_RETURN_NONE;
}

/* The reference passes from the slot to a handle of this process. */
static PyObject *py_take_startup_data(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    outcome o = arena_usable();
    refno ref;
    struct section s;
    if (o != OK) return raise_outcome(o);
    struct member *m = arena_member(owner_slot(arena.self));
    cell_id id = load_relaxed(&m->startup_data);
    if (!id) Py_RETURN_NONE;
    if ((o = reference_reserve(&ref)) != OK) return raise_outcome(o);
    struct reference *r = reference_at(ref); /* before entering, which may release the GIL */
    arena_enter(&s, true);
    tx_set(&r->ref, id);
    tx_set(&m->startup_data, 0);
    arena_leave(&s);
    return handle_take_over(parcel_type, CELL_PARCEL, id, ref);
}

static PyMethodDef functions[] = {
    {"pack", py_pack, METH_O, NULL},
    {"unpack", (PyCFunction)(void (*)(void))py_unpack, METH_VARARGS | METH_KEYWORDS, NULL},
    {"set_startup_data", py_set_startup_data, METH_VARARGS, NULL},
    {"take_startup_data", py_take_startup_data, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyObject *parcel_new(PyTypeObject *Py_UNUSED(type), PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    PyErr_SetString(PyExc_TypeError, "parcels are made by pack()");
    return NULL;
}

static PyType_Slot slots[] = {{Py_tp_new, parcel_new}, {0, NULL}};

bool packing_register(PyObject *module)
{
    cell_ops[CELL_PARCEL] = &parcel_ops;
    parcel_type =
        handle_type(module, "processing_core._kernel.Parcel", CELL_PARCEL, sizeof(handle_object), slots, false);
    return parcel_type && PyModule_AddFunctions(module, functions) == 0;
}
