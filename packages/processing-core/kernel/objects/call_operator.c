/* A function that an operator calls: `CallOperator(function) @ argument` is `function(argument)`.
 *
 * CPython runs signal handlers behind every call. On 3.14 that of a C function `__enter__` is no exception
 * (python/cpython#148874), so what a handler raises there separates an acquired lock from the `with` that would
 * release it. Behind an operator no handler runs on any version, nor where a function of Python returns to a `with`. */
#include "base/kernel.h"

typedef struct {
    PyObject_HEAD PyObject *function;
} operator_object;

static PyTypeObject *operator_type;

static PyObject *operator_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    PyObject *function;
    if (!PyArg_ParseTuple(args, "O:CallOperator", &function)) return NULL;
    operator_object *self = (operator_object *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (self) self->function = Py_NewRef(function);
    return (PyObject *)self;
}

static int operator_traverse(PyObject *object, visitproc visit, void *arg)
{
    Py_VISIT(((operator_object *)object)->function);
    Py_VISIT(Py_TYPE(object));
    return 0;
}

static int operator_clear(PyObject *object)
{
    Py_CLEAR(((operator_object *)object)->function);
    return 0;
}

static void operator_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    operator_clear(object);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyObject *operator_apply(PyObject *object, PyObject *argument)
{
    if (Py_TYPE(object) != operator_type) return Py_NewRef(Py_NotImplemented); /* it is on the right */
    return PyObject_CallFunctionObjArgs(((operator_object *)object)->function, argument, NULL);
}

static PyType_Slot slots[] = {
    {Py_tp_new, operator_new},     {Py_tp_dealloc, operator_dealloc},       {Py_tp_traverse, operator_traverse},
    {Py_tp_clear, operator_clear}, {Py_nb_matrix_multiply, operator_apply}, {0, NULL}};

bool call_operator_register(PyObject *module)
{
    PyType_Spec spec = {
        .name = "processing_core._kernel.CallOperator",
        .basicsize = sizeof(operator_object),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
        .slots = slots,
    };
    operator_type = (PyTypeObject *)PyType_FromSpec(&spec);
    return operator_type && PyModule_AddObjectRef(module, "CallOperator", (PyObject *)operator_type) == 0;
}
