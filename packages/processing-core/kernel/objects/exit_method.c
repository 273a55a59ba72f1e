/* A method of Python that is begun, though a signal handler raises at its very beginning.
 *
 *     __exit__ = ExitMethod(function)      function(self, *args, begun)
 *
 * The interpreter runs signal handlers before the first bytecode of a function, where no `try` of that function is
 * in force yet: the end of a `with` block would be left out. The function puts something into the list `begun` first
 * of all, within its `try`. If it raises and the list is empty, it has done nothing, and is called again; the
 * exception stands. */
#include "base/kernel.h"

typedef struct {
    PyObject_HEAD PyObject *function;
    PyObject *owner; /* whose method it is; NULL before it is looked up on an object */
} method_object;

static PyTypeObject *method_type;

static PyObject *make(PyObject *function, PyObject *owner)
{
    method_object *self = (method_object *)((allocfunc)PyType_GetSlot(method_type, Py_tp_alloc))(method_type, 0);
    if (!self) return NULL;
    self->function = Py_NewRef(function);
    self->owner = Py_XNewRef(owner);
    return (PyObject *)self;
}

static PyObject *method_new(PyTypeObject *Py_UNUSED(type), PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    PyObject *function;
    return PyArg_ParseTuple(args, "O:ExitMethod", &function) ? make(function, NULL) : NULL;
}

static int method_traverse(PyObject *object, visitproc visit, void *arg)
{
    Py_VISIT(((method_object *)object)->function);
    Py_VISIT(((method_object *)object)->owner);
    Py_VISIT(Py_TYPE(object));
    return 0;
}

static int method_clear(PyObject *object)
{
    Py_CLEAR(((method_object *)object)->function);
    Py_CLEAR(((method_object *)object)->owner);
    return 0;
}

static void method_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    method_clear(object);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyObject *method_get(PyObject *self, PyObject *owner, PyObject *Py_UNUSED(type))
{
    return owner ? make(((method_object *)self)->function, owner) : Py_NewRef(self);
}

static PyObject *with_owner(method_object *self, PyObject *args)
{
    if (!self->owner) return Py_NewRef(args);
    Py_ssize_t n = PyTuple_Size(args);
    PyObject *all = PyTuple_New(n + 1);
    if (!all) return NULL;
    PyTuple_SetItem(all, 0, Py_NewRef(self->owner));
    for (Py_ssize_t i = 0; i < n; i++) PyTuple_SetItem(all, i + 1, Py_NewRef(PyTuple_GetItem(args, i)));
    return all;
}

static PyObject *call(PyObject *function, PyObject *args, PyObject *begun)
{
    PyObject *kwargs = PyDict_New();
    PyObject *result =
        kwargs && PyDict_SetItemString(kwargs, "begun", begun) == 0 ? PyObject_Call(function, args, kwargs) : NULL;
    Py_XDECREF(kwargs);
    return result;
}

static void call_again(PyObject *function, PyObject *args, PyObject *begun)
{
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    Py_XDECREF(call(function, args, begun));
    PyErr_Restore(type, value, trace);
}

static PyObject *method_call(PyObject *object, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    PyObject *function = ((method_object *)object)->function;
    PyObject *all = with_owner((method_object *)object, args), *begun = PyList_New(0);
    PyObject *result = all && begun ? call(function, all, begun) : NULL;
    if (!result && all && begun && PyList_Size(begun) == 0) call_again(function, all, begun);
    Py_XDECREF(all);
    Py_XDECREF(begun);
    return result;
}

static PyType_Slot slots[] = {{Py_tp_new, method_new},
                              {Py_tp_dealloc, method_dealloc},
                              {Py_tp_traverse, method_traverse},
                              {Py_tp_clear, method_clear},
                              {Py_tp_descr_get, method_get},
                              {Py_tp_call, method_call},
                              {0, NULL}};

bool exit_method_register(PyObject *module)
{
    PyType_Spec spec = {
        .name = "processing_core._kernel.ExitMethod",
        .basicsize = sizeof(method_object),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
        .slots = slots,
    };
    method_type = (PyTypeObject *)PyType_FromSpec(&spec);
    return method_type && PyModule_AddObjectRef(module, "ExitMethod", (PyObject *)method_type) == 0;
}
