/* Scalar: one number, character or truth value in the arena; LockedScalar: the same with a lock beside it.
 *
 * A value is read and written by one access of its size, so a reader never sees half of a write. The store releases
 * and the load acquires: a reader that sees a flag in one value, without a lock, sees what its writer wrote before. */
#include "values/atomic.h"
#include "objects/fast_method.h"
#include "sync/lock.h"

typedef struct {
    handle_object handle;
    PyObject *lock; /* NULL while unpickling */
} locked_object;

static PyObject *lock_of(PyObject *self) { return ((locked_object *)self)->lock; }

/* -- Scalar -- */

static PyObject *get_value(PyObject *self, void *Py_UNUSED(closure))
{
    if (arena_usable() != OK && !handle_usable(self)) return NULL;
    const struct format *f = value_format(self);
    return format_object(f, value_load(value_of(self), f->size));
}

static int set_value(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    uint64_t bits;
    if (!value) {
        PyErr_SetString(PyExc_TypeError, "a shared value cannot be deleted");
        return -1;
    }
    if (arena_usable() != OK && !handle_usable(self)) return -1;
    const struct format *f = value_format(self);
    if (!format_bits(f, value, &bits)) return -1;
    value_store(value_of(self), f->size, bits);
    return 0;
}

static PyObject *get_typecode(PyObject *self, void *Py_UNUSED(closure))
{
    return handle_usable(self) ? PyUnicode_FromOrdinal(value_format(self)->code) : NULL;
}

static PyObject *get_ctype(PyObject *self, void *Py_UNUSED(closure))
{
    return handle_usable(self) ? PyUnicode_FromString(value_format(self)->name) : NULL;
}

/* For a view by ctypes, whose accesses of such sizes are single ones, too. */
static int get_buffer(PyObject *self, Py_buffer *view, int flags)
{
    if (!handle_usable(self)) {
        view->obj = NULL;
        return -1;
    }
    return PyBuffer_FillInfo(view, self, value_of(self)->data, value_format(self)->size, 0, flags);
}

static PyObject *create(PyTypeObject *type, PyObject *typecode, PyObject *initial)
{
    uint64_t bits = 0;
    const struct format *f = format_find(typecode);
    if (!f || (initial && !format_bits(f, initial, &bits))) return NULL;
    PyObject *self = handle_create(type, CELL_VALUE, sizeof(struct value));
    if (!self) return NULL;
    value_of(self)->format = (uint32_t)(f - formats);
    value_store(value_of(self), f->size, bits);
    return self;
}

static PyObject *scalar_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"typecode", "initial", NULL};
    PyObject *typecode, *initial = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O", names, &typecode, &initial)) return NULL;
    return create(type, typecode, initial);
}

/* -- LockedScalar -- */

static PyTypeObject *scalar_type;

static bool has_lock(PyObject *self)
{
    if (lock_of(self)) return true;
    PyErr_SetString(PyExc_ValueError, "a value without its lock: it was not unpickled as a whole");
    return false;
}

static PyObject *py_get_lock(PyObject *self, PyObject *Py_UNUSED(none))
{
    return has_lock(self) ? Py_NewRef(lock_of(self)) : NULL;
}

/* Another handle to the same cell, of a type without the lock. */
static PyObject *py_bare(PyObject *self, PyObject *type)
{
    if (!PyType_Check(type) || !PyType_IsSubtype((PyTypeObject *)type, scalar_type))
        return PyErr_Format(PyExc_TypeError, "%R is no type of scalars", type);
    return handle_usable(self) ? handle_attach((PyTypeObject *)type, ((handle_object *)self)->id) : NULL;
}

static PyObject *get_acquire(PyObject *self, void *Py_UNUSED(closure))
{
    return has_lock(self) ? PyObject_GetAttrString(lock_of(self), "acquire") : NULL;
}

static PyObject *get_release(PyObject *self, void *Py_UNUSED(closure))
{
    return has_lock(self) ? PyObject_GetAttrString(lock_of(self), "release") : NULL;
}

static PyObject *py_enter(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(nargs))
{
    bool failed;
    if (!has_lock(self)) return NULL;
    if (!lock_check(lock_of(self))) return PyObject_CallMethod(lock_of(self), "__enter__", NULL);
    lock_take(lock_of(self), NO_DEADLINE, &failed);
    return failed ? NULL : Py_NewRef(Py_True);
}

static PyObject *py_exit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (!has_lock(self)) return NULL;
    if (lock_check(lock_of(self))) return lock_give(lock_of(self));
    if (nargs != 3) return PyErr_Format(PyExc_TypeError, "__exit__() takes 3 arguments, %zd were given", nargs);
    return PyObject_CallMethod(lock_of(self), "__exit__", "OOO", args[0], args[1], args[2]);
}

static PyObject *locked_reduce(PyObject *self, PyObject *Py_UNUSED(none))
{
    return has_lock(self) ? handle_reduce_with(self, lock_of(self)) : NULL;
}

static PyObject *py_setstate(PyObject *self, PyObject *lock)
{
    PyObject *old = lock_of(self);
    ((locked_object *)self)->lock = Py_NewRef(lock);
    Py_XDECREF(old);
    Py_RETURN_NONE;
}

static PyObject *locked_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"typecode", "initial", "lock", NULL};
    PyObject *typecode, *initial, *lock;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO", names, &typecode, &initial, &lock)) return NULL;
    PyObject *self = create(type, typecode, initial == Py_None ? NULL : initial);
    if (self) ((locked_object *)self)->lock = Py_NewRef(lock);
    return self;
}

static void locked_dealloc(PyObject *self)
{
    Py_CLEAR(((locked_object *)self)->lock);
    handle_dealloc(self);
}

static PyGetSetDef scalar_getset[] = {
    {"value", get_value, set_value, "the value", NULL},
    {"_typecode", get_typecode, NULL, "as in array and ctypes", NULL},
    {"_ctype", get_ctype, NULL, "the name of its type in ctypes", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot scalar_slots[] = {{Py_tp_new, scalar_new},
                                     {Py_tp_methods, scalar_atomics},
                                     {Py_tp_getset, scalar_getset},
                                     {Py_bf_getbuffer, get_buffer},
                                     {0, NULL}};

static PyMethodDef locked_methods[] = {
    {"get_lock", py_get_lock, METH_NOARGS, "get_lock($self, /)\n--\n\nThe lock beside the value."},
    {"_bare", py_bare, METH_O, NULL},
    {"__reduce__", locked_reduce, METH_NOARGS, NULL},
    {"__setstate__", py_setstate, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef locked_getset[] = {
    {"acquire", get_acquire, NULL, "the lock's acquire", NULL},
    {"release", get_release, NULL, "the lock's release", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot locked_slots[] = {{Py_tp_new, locked_new},
                                     {Py_tp_dealloc, locked_dealloc},
                                     {Py_tp_methods, locked_methods},
                                     {Py_tp_getset, locked_getset},
                                     {0, NULL}};

bool scalar_register(PyObject *module)
{
    PyType_Spec locked = {
        .name = "processing_core._kernel.LockedScalar",
        .basicsize = sizeof(locked_object),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
        .slots = locked_slots,
    };
    scalar_type =
        handle_type(module, "processing_core._kernel.Scalar", CELL_VALUE, sizeof(handle_object), scalar_slots, true);
    if (!scalar_type) return false;
    PyTypeObject *type = (PyTypeObject *)PyType_FromSpecWithBases(&locked, (PyObject *)scalar_type);
    return type && PyModule_AddObjectRef(module, "LockedScalar", (PyObject *)type) == 0
        && bound_add(type, "__enter__", py_enter) && bound_add(type, "__exit__", py_exit);
}
