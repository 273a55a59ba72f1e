/* Objects that the children of a forkserver share for good.
 *
 * A forked child that only looks at an object writes to it, for it counts its reference; the page is copied, 3 to 7
 * us each, and a start copied hundreds. Since CPython 3.12 an object may be immortal (PEP 683): its count is a
 * certain number, and stays. Objects of chosen kinds become so here, from the roots on down. The mark also says
 * which objects were seen: no other set is kept. */
#include "base/kernel.h"

#include <stdlib.h>

/* The low 32 bits of the count, which alone decide; None shows what they are in this interpreter. */
#ifdef Py_GIL_DISABLED
/* The count of the owner, of which the highest number means immortal; the count of the others is none then. */
static uint32_t mark_of(PyObject *object) { return object->ob_ref_local; }
#else
static uint32_t mark_of(PyObject *object) { return (uint32_t)object->ob_refcnt; }
#endif

/* By the sign, as in the interpreter: code compiled for CPython 3.11 counts references to immortal objects too, this
 * kernel as well, so their counts move a little. */
static bool is_immortal(PyObject *object) { return (int32_t)mark_of(object) < 0; }

static void make_immortal(PyObject *object)
{
#ifdef Py_GIL_DISABLED
    object->ob_tid = 0; /* of no thread */
    object->ob_ref_shared = 0;
    object->ob_ref_local = mark_of(Py_None);
#else
    uint64_t high = (uint64_t)object->ob_refcnt >> 32 << 32; /* flags, since CPython 3.14 */
    object->ob_refcnt = (Py_ssize_t)(high | mark_of(Py_None));
#endif
}

/* Whether the interpreter knows of immortality.  One for debugging does, but asserts which objects may have it. */
static bool immortals_exist(void)
{
    uint32_t before = mark_of(Py_None);
    Py_IncRef(Py_None);
    bool unchanged = mark_of(Py_None) == before;
    Py_DecRef(Py_None);
    return unchanged && !PySys_GetObject("gettotalrefcount");
}

/* `found` are immortal, and still to be gone through; so the references are borrowed. */
struct search {
    PyObject *kinds, *code_type;
    PyObject **found;
    size_t n, room;
    bool in_namespace; /* a dictionary that is met now is the namespace of a module or a class */
};

static int keep(struct search *search, PyObject *object)
{
    if (search->n == search->room) {
        size_t room = search->room ? 2 * search->room : 4096;
        PyObject **found = realloc(search->found, room * sizeof *found);
        if (!found) return -1;
        search->found = found;
        search->room = room;
    }
    search->found[search->n++] = object;
    return 0;
}

static bool is_of_kinds(PyObject *object, PyObject *kinds)
{
    for (Py_ssize_t i = PyTuple_Size(kinds); i--;)
        if (PyTuple_GetItem(kinds, i) == (PyObject *)Py_TYPE(object)) return true;
    return false;
}

static int collect(PyObject *object, void *arg)
{
    struct search *search = arg;
    if (!object || is_immortal(object)) return 0;
    bool chosen =
        PyDict_CheckExact(object) ? search->in_namespace : PyType_Check(object) || is_of_kinds(object, search->kinds);
    if (!chosen) return 0;
    make_immortal(object);
    return keep(search, object);
}

/* The garbage collector knows nothing of code. */
static int collect_parts_of_code(PyObject *code, struct search *search)
{
    static const char *const parts[] = {"co_consts", "co_names", "co_name", "co_qualname", "co_filename"};
    int failed = 0;
    for (size_t i = 0; !failed && i < sizeof parts / sizeof *parts; i++) {
        PyObject *part = PyObject_GetAttrString(code, parts[i]);
        failed = part ? collect(part, search) : -1;
        Py_XDECREF(part);
    }
    return failed;
}

static int collect_parts(PyObject *object, struct search *search)
{
    PyTypeObject *type = Py_TYPE(object);
    if ((PyObject *)type == search->code_type) return collect_parts_of_code(object, search);
    bool is_class = PyType_Check(object);
    /* A class that is no heap type cannot be traversed: its namespace is a root. */
    if (is_class && !(PyType_GetFlags((PyTypeObject *)object) & Py_TPFLAGS_HEAPTYPE)) return 0;
    search->in_namespace = is_class || PyModule_Check(object);
    traverseproc traverse = (traverseproc)PyType_GetSlot(type, Py_tp_traverse);
    return traverse ? traverse(object, collect, search) : 0;
}

/* immortalize(roots, kinds, code_type): how many objects became immortal. */
static PyObject *py_immortalize(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *roots;
    struct search search = {0};
    if (!PyArg_ParseTuple(args, "O!O!O", &PyList_Type, &roots, &PyTuple_Type, &search.kinds, &search.code_type))
        return NULL;
    size_t n = 0;
    int failed = 0;
    if (immortals_exist()) {
        for (Py_ssize_t i = 0; !failed && i < PyList_Size(roots); i++) {
            search.in_namespace = true;
            failed = collect(PyList_GetItem(roots, i), &search);
        }
        for (; !failed && search.n; n++) failed = collect_parts(search.found[--search.n], &search);
    }
    free(search.found);
    if (!failed) return PyLong_FromSize_t(n);
    return PyErr_Occurred() ? NULL : PyErr_NoMemory();
}

static PyMethodDef functions[] = {
    {"immortalize", py_immortalize, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool immortal_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
