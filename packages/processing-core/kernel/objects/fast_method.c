/* What `with lock:` costs beside the lock.
 *
 * Until CPython 3.13 a `with` binds `__enter__` and `__exit__` anew each time, as two objects that the collector
 * tracks: 50 of the 100 ns of `with lock: pass` (3.13). A *fast* method binds to an object from a short list of spare
 * ones instead, and leaves 49 ns.
 *
 * CPython specialises the call of a C method only where the object's type is exactly the one that defines it.
 * `own_methods` gives a subclass descriptors of its own: `lock.acquire(); lock.release()` 37 -> 23 ns. */
#include "objects/fast_method.h"

#include <structmember.h>

/* Official in the stable ABI from 3.12 on, but 3.11 has the same. */
#ifndef Py_TPFLAGS_HAVE_VECTORCALL
#define Py_TPFLAGS_HAVE_VECTORCALL (1UL << 11)
#endif
typedef PyObject *(*call_fn)(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames);
#define NARGS(nargsf) ((Py_ssize_t)((nargsf) & ~((size_t)1 << (8 * sizeof(size_t) - 1))))

typedef struct {
    PyObject_HEAD call_fn vectorcall;
    bound_fn call;
    const char *name;
    PyTypeObject *owner; /* borrowed: kernel types live for ever */
} fast_object;

typedef struct {
    PyObject_HEAD call_fn vectorcall;
    bound_fn call;
    PyObject *self;
} bound_object;

static PyTypeObject *fast_type, *bound_type;

#ifdef Py_GIL_DISABLED
/* No spares without a GIL.  Since CPython 3.14 a `with` binds nothing where a method may be called with the object as its
 * first argument, which this flag says. */
#define FAST_FLAGS Py_TPFLAGS_METHOD_DESCRIPTOR
static bound_object *spare_take(void) { return NULL; }
static bool spare_keep(bound_object *b) { return b == NULL; }
#else
#define FAST_FLAGS 0
#define SPARES 8
static bound_object *spares[SPARES]; /* guarded by the GIL */
static int n_spares;

static bound_object *spare_take(void) { return n_spares ? spares[--n_spares] : NULL; }

static bool spare_keep(bound_object *b)
{
    if (n_spares >= SPARES) return false;
    spares[n_spares++] = b;
    return true;
}
#endif

/* -- the bound method -- */

static bool no_keywords(PyObject *kwnames)
{
    if (!kwnames || PyTuple_Size(kwnames) == 0) return true;
    PyErr_SetString(PyExc_TypeError, "this method takes no keyword arguments");
    return false;
}

static PyObject *bound_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    bound_object *b = (bound_object *)self;
    return no_keywords(kwnames) ? b->call(b->self, args, NARGS(nargsf)) : NULL;
}

static PyObject *bound_make(PyObject *self, bound_fn call)
{
    bound_object *b = spare_take();
    if (b) PyObject_Init((PyObject *)b, bound_type);
    else if (!(b = PyObject_New(bound_object, bound_type))) return NULL;
    b->vectorcall = bound_call;
    b->call = call;
    b->self = Py_NewRef(self);
    return (PyObject *)b;
}

static void bound_dealloc(PyObject *self)
{
    bound_object *b = (bound_object *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject *held = b->self;
    if (!spare_keep(b)) PyObject_Free(b);
    Py_DECREF(held); /* may run anything, so last of what looks at b */
    Py_DECREF(type);
}

/* -- the method in the type -- */

static PyObject *fast_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    fast_object *s = (fast_object *)self;
    if (!no_keywords(kwnames)) return NULL;
    if (NARGS(nargsf) < 1 || !PyObject_TypeCheck(args[0], s->owner))
        return PyErr_Format(PyExc_TypeError, "descriptor '%s' needs an object of %R", s->name, s->owner);
    return s->call(args[0], args + 1, NARGS(nargsf) - 1);
}

static PyObject *fast_get(PyObject *self, PyObject *object, PyObject *type)
{
    (void)type;
    if (!object) return Py_NewRef(self);
    return bound_make(object, ((fast_object *)self)->call);
}

/* A call by a tuple, for callers that do not know vectorcall; both kinds of objects begin alike. */
static PyObject *tuple_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    PyObject *items[4];
    Py_ssize_t n = PyTuple_Size(args);
    if (n > 4 || (kwargs && PyDict_Size(kwargs)))
        return PyErr_Format(PyExc_TypeError, "this method takes at most 3 arguments and no keywords");
    for (Py_ssize_t i = 0; i < n; i++) items[i] = PyTuple_GetItem(args, i);
    return ((fast_object *)self)->vectorcall(self, items, (size_t)n, NULL);
}

bool bound_add(PyTypeObject *type, const char *name, bound_fn call)
{
    fast_object *s = PyObject_New(fast_object, fast_type);
    if (!s) return false;
    s->vectorcall = fast_call;
    s->call = call;
    s->name = name;
    s->owner = type;
    bool added = PyObject_SetAttrString((PyObject *)type, name, (PyObject *)s) == 0;
    Py_DECREF(s);
    return added;
}

/* -- methods of a subclass's own -- */

static bool own(PyTypeObject *type, PyObject *dict, PyMethodDef *method)
{
    for (; method && method->ml_name; method++) {
        if (method->ml_flags & (METH_CLASS | METH_STATIC) || PyMapping_HasKeyString(dict, method->ml_name)) continue;
        PyObject *descriptor = PyDescr_NewMethod(type, method);
        bool set = descriptor && PyObject_SetAttrString((PyObject *)type, method->ml_name, descriptor) == 0;
        Py_XDECREF(descriptor);
        if (!set) return false;
    }
    return true;
}

static PyObject *py_own_methods(PyObject *Py_UNUSED(module), PyObject *object)
{
    if (!PyType_Check(object)) return PyErr_Format(PyExc_TypeError, "%R is no type", object);
    PyTypeObject *type = (PyTypeObject *)object;
    PyObject *bases = PyObject_GetAttrString(object, "__mro__");
    bool done = bases != NULL;
    for (Py_ssize_t i = 1; done && i < PyTuple_Size(bases); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GetItem(bases, i);
        if (base == &PyBaseObject_Type) break;
        PyObject *dict = PyObject_GetAttrString(object, "__dict__"); /* afresh: a nearer base has added to it */
        done = dict && own(type, dict, PyType_GetSlot(base, Py_tp_methods));
        Py_XDECREF(dict);
    }
    Py_XDECREF(bases);
    return done ? Py_NewRef(object) : NULL;
}

static PyMemberDef fast_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(fast_object, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyMemberDef bound_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(bound_object, vectorcall), READONLY, NULL},
    {"__self__", T_OBJECT, offsetof(bound_object, self), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyType_Slot fast_slots[] = {
    {Py_tp_descr_get, fast_get}, {Py_tp_call, tuple_call}, {Py_tp_members, fast_members}, {0, NULL}};
static PyType_Slot bound_slots[] = {
    {Py_tp_dealloc, bound_dealloc}, {Py_tp_call, tuple_call}, {Py_tp_members, bound_members}, {0, NULL}};

static PyTypeObject *type_of(const char *name, int size, unsigned long flags, PyType_Slot *slots)
{
    PyType_Spec spec = {
        .name = name,
        .basicsize = size,
        .flags =
            (unsigned int)(Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_HAVE_VECTORCALL | flags),
        .slots = slots,
    };
    return (PyTypeObject *)PyType_FromSpec(&spec);
}

static PyMethodDef functions[] = {
    {"own_methods", py_own_methods, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

bool fast_method_register(PyObject *module)
{
    fast_type = type_of("processing_core._kernel.fast_method", sizeof(fast_object), FAST_FLAGS, fast_slots);
    bound_type = type_of("processing_core._kernel.bound_method", sizeof(bound_object), 0, bound_slots);
    return fast_type && bound_type && PyModule_AddFunctions(module, functions) == 0;
}
