/* A context manager that a signal handler cannot separate from what it guards.
 *
 *     with ScopeGuard(partial(lock.acquire, False), lock.release) as entered:
 *         if entered: ...
 *
 * The interpreter runs signal handlers between two bytecodes, so in `if lock.acquire(False): try: ...` one may raise
 * when the lock is held and nothing would release it. Between `__enter__`, which is this C function, and the body of
 * a `with` there is no such point; nor is there one in here, as long as both functions are C functions too.
 *
 * On CPython 3.14 there is one, behind `__enter__` (python/cpython#148874): a handler that raises there takes the guard
 * from the stack without a call of `__exit__`. So a guard that goes while it is entered ends its scope itself. */
#include "base/kernel.h"

typedef struct {
    PyObject_HEAD PyObject *enter, *exit, *on_error;
    bool entered;
} guard_object;

static PyObject *guard_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *enter, *exit, *on_error = NULL;
    if (kwargs && PyDict_Size(kwargs)) {
        PyErr_SetString(PyExc_TypeError, "ScopeGuard() takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "OO|O:ScopeGuard", &enter, &exit, &on_error)) return NULL;
    guard_object *self = (guard_object *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!self) return NULL;
    self->enter = Py_NewRef(enter);
    self->exit = Py_NewRef(exit);
    self->on_error = Py_NewRef(on_error ? on_error : exit);
    return (PyObject *)self;
}

/* Call a function while an exception may be on its way. */
static void call_aside(PyObject *function)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *result = PyObject_CallNoArgs(function);
    if (!result) PyErr_WriteUnraisable(function);
    Py_XDECREF(result);
    PyErr_Restore(type, value, traceback);
}

static void guard_dealloc(PyObject *object)
{
    guard_object *self = (guard_object *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (self->entered) call_aside(self->on_error);
    Py_XDECREF(self->enter);
    Py_XDECREF(self->exit);
    Py_XDECREF(self->on_error);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyObject *guard_enter(PyObject *object, PyObject *Py_UNUSED(none))
{
    guard_object *self = (guard_object *)object;
    PyObject *result = PyObject_CallNoArgs(self->enter);
    if (!result) return NULL;
    self->entered = result != Py_False;
    Py_DECREF(result);
    return PyBool_FromLong(self->entered);
}

static PyObject *guard_exit(PyObject *object, PyObject *args)
{
    guard_object *self = (guard_object *)object;
    if (!self->entered) Py_RETURN_FALSE;
    self->entered = false;
    bool failed = PyTuple_Size(args) > 0 && PyTuple_GetItem(args, 0) != Py_None;
    PyObject *result = PyObject_CallNoArgs(failed ? self->on_error : self->exit);
    if (!result) return NULL;
    Py_DECREF(result);
    Py_RETURN_FALSE;
}

static PyMethodDef methods[] = {
    {"__enter__", guard_enter, METH_NOARGS, NULL},
    {"__exit__", guard_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_new, guard_new}, {Py_tp_dealloc, guard_dealloc}, {Py_tp_methods, methods}, {0, NULL}};

bool scope_guard_register(PyObject *module)
{
    PyType_Spec spec = {
        .name = "processing_core._kernel.ScopeGuard",
        .basicsize = sizeof(guard_object),
        .flags = Py_TPFLAGS_DEFAULT,
        .slots = slots,
    };
    PyObject *type = PyType_FromSpec(&spec);
    bool ok = type && PyModule_AddObjectRef(module, "ScopeGuard", type) == 0;
    Py_XDECREF(type);
    return ok;
}
