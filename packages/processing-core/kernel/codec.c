/* The codec.  None, bools, ints of 64 bits, floats, str, bytes, and small trees of tuples, lists and dicts of these need
 * no pickle.  Exact types only: a subclass is pickled.  A list or dict that stands in two places is the same object
 * there, which the receiver must see too: then the whole is pickled.
 * (Measured: an int 40 ns, {"a": 1, "b": [1, 2, 3]} 300 ns, against 900 and 1,700 through pickle.dumps and loads.) */
#include "codec.h"

#include <string.h>

enum { TAG_NONE, TAG_TRUE, TAG_FALSE, TAG_INT, TAG_FLOAT, TAG_STR, TAG_BYTES, TAG_TUPLE, TAG_LIST, TAG_DICT, TAG_PICKLE };
#define ITEMS_MAX 255 /* in one container */
#define DEPTH_MAX 4
#define SHARED_MAX 16 /* lists and dicts in one object */
#define TAIL_MIN 1024 /* longer bytes are not copied into the head */

static PyObject *dumps, *loads;

/* -- writing -- */

void encoding_begin(struct encoding *e)
{
    e->head = e->space;
    e->head_size = 0;
    e->room = sizeof e->space;
    e->tail = NULL;
    e->tail_size = 0;
    e->keeper = NULL;
    e->refs.ids = NULL;
    e->refs.n = 0;
}

void encoding_end(struct encoding *e)
{
    if (e->head != e->space) PyMem_Free(e->head);
    PyMem_Free(e->refs.ids);
    Py_XDECREF(e->keeper);
}

void encoding_copy(const struct encoding *e, void *to)
{
    memcpy(to, e->head, e->head_size);
    if (e->tail_size) memcpy((uint8_t *)to + e->head_size, e->tail, e->tail_size);
}

static uint8_t *grow(struct encoding *e, size_t n)
{
    if (e->head_size + n > e->room) {
        size_t room = (e->head_size + n) * 2;
        uint8_t *head = PyMem_Malloc(room);
        if (!head) return NULL;
        memcpy(head, e->head, e->head_size);
        if (e->head != e->space) PyMem_Free(e->head);
        e->head = head;
        e->room = room;
    }
    uint8_t *at = e->head + e->head_size;
    e->head_size += n;
    return at;
}

static bool put_tag(struct encoding *e, uint8_t tag, const void *data, size_t n)
{
    uint8_t *at = grow(e, 1 + n);
    if (!at) return false;
    *at = tag;
    if (n) memcpy(at + 1, data, n);
    return true;
}

static bool put_sized(struct encoding *e, uint8_t tag, const char *data, Py_ssize_t n)
{
    if ((size_t)n > UINT32_MAX) return false;
    uint32_t size = (uint32_t)n;
    uint8_t *at = grow(e, 5 + (size_t)n);
    if (!at) return false;
    *at = tag;
    memcpy(at + 1, &size, 4);
    memcpy(at + 5, data, (size_t)n);
    return true;
}

static bool put_int(struct encoding *e, PyObject *object)
{
    int overflow;
    int64_t value = PyLong_AsLongLongAndOverflow(object, &overflow);
    return !overflow && put_tag(e, TAG_INT, &value, sizeof value);
}

static bool put_str(struct encoding *e, PyObject *object)
{
    Py_ssize_t n;
    const char *text = PyUnicode_AsUTF8AndSize(object, &n);
    if (text) return put_sized(e, TAG_STR, text, n);
    PyErr_Clear(); /* lone surrogates: pickle knows how */
    return false;
}

/* The lists and dicts met so far: none may come twice. */
struct met {
    PyObject *seen[SHARED_MAX];
    int n;
};

static bool meet(struct met *met, PyObject *object)
{
    if (met->n == SHARED_MAX) return false;
    for (int i = 0; i < met->n; i++)
        if (met->seen[i] == object) return false;
    met->seen[met->n++] = object;
    return true;
}

static bool put_plain(struct encoding *e, PyObject *object, int depth, struct met *met);

static bool put_count(struct encoding *e, uint8_t tag, Py_ssize_t n, int depth)
{
    uint8_t count = (uint8_t)n;
    return depth < DEPTH_MAX && n <= ITEMS_MAX && put_tag(e, tag, &count, 1);
}

static bool put_tuple(struct encoding *e, PyObject *object, int depth, struct met *met)
{
    Py_ssize_t n = PyTuple_Size(object);
    if (!put_count(e, TAG_TUPLE, n, depth)) return false;
    for (Py_ssize_t i = 0; i < n; i++)
        if (!put_plain(e, PyTuple_GetItem(object, i), depth + 1, met)) return false;
    return true;
}

/* No Python code runs in here and the GIL is held: nothing can change the container meanwhile. */
static bool put_list(struct encoding *e, PyObject *object, int depth, struct met *met)
{
    Py_ssize_t n = PyList_Size(object);
    if (!meet(met, object) || !put_count(e, TAG_LIST, n, depth)) return false;
    for (Py_ssize_t i = 0; i < n; i++)
        if (!put_plain(e, PyList_GetItem(object, i), depth + 1, met)) return false;
    return true;
}

static bool put_dict(struct encoding *e, PyObject *object, int depth, struct met *met)
{
    Py_ssize_t at = 0;
    PyObject *key, *value;
    if (!meet(met, object) || !put_count(e, TAG_DICT, PyDict_Size(object), depth)) return false;
    while (PyDict_Next(object, &at, &key, &value))
        if (!put_plain(e, key, depth + 1, met) || !put_plain(e, value, depth + 1, met)) return false;
    return true;
}

/* False: not a plain value (or no memory); nothing is raised, the object is pickled as a whole. */
static bool put_plain(struct encoding *e, PyObject *object, int depth, struct met *met)
{
    if (object == Py_None) return put_tag(e, TAG_NONE, NULL, 0);
    if (object == Py_True) return put_tag(e, TAG_TRUE, NULL, 0);
    if (object == Py_False) return put_tag(e, TAG_FALSE, NULL, 0);
    if (PyLong_CheckExact(object)) return put_int(e, object);
    if (PyUnicode_CheckExact(object)) return put_str(e, object);
    if (PyFloat_CheckExact(object)) {
        double value = PyFloat_AsDouble(object);
        return put_tag(e, TAG_FLOAT, &value, sizeof value);
    }
    if (PyBytes_CheckExact(object)) return put_sized(e, TAG_BYTES, PyBytes_AsString(object), PyBytes_Size(object));
    if (PyTuple_CheckExact(object)) return put_tuple(e, object, depth, met);
    if (PyList_CheckExact(object)) return put_list(e, object, depth, met);
    return PyDict_CheckExact(object) && put_dict(e, object, depth, met);
}

/* The tail is the rest of the message, so its size needs no saying. */
static bool put_tail(struct encoding *e, uint8_t tag, PyObject *keeper)
{
    e->keeper = keeper;
    e->tail = PyBytes_AsString(keeper);
    if (!e->tail || !put_tag(e, tag, NULL, 0)) return false;
    e->tail_size = (size_t)PyBytes_Size(keeper);
    return true;
}

static bool put_pickle(struct encoding *e, PyObject *object)
{
    struct collection refs;
    if (!dumps) {
        PyErr_SetString(PyExc_RuntimeError, "no pickler is installed (set_pickler)");
        return false;
    }
    collect_begin(&refs);
    PyObject *bytes = PyObject_CallFunctionObjArgs(dumps, object, NULL);
    collect_end(&refs);
    e->refs = refs;
    return bytes && put_tail(e, TAG_PICKLE, bytes);
}

bool encode(struct encoding *e, PyObject *object)
{
    size_t before = e->head_size;
    if (PyBytes_CheckExact(object) && PyBytes_Size(object) >= TAIL_MIN) return put_tail(e, TAG_BYTES | 0x80, Py_NewRef(object));
    struct met met;
    met.n = 0;
    if (put_plain(e, object, 0, &met)) return true;
    e->head_size = before;
    return put_pickle(e, object);
}

/* -- reading -- */

struct reader {
    const uint8_t *at, *end;
};

static PyObject *malformed(void)
{
    PyErr_SetString(PyExc_ValueError, "a malformed message: it was not written by this version of the kernel");
    return NULL;
}

static bool take(struct reader *r, void *to, size_t n)
{
    if ((size_t)(r->end - r->at) < n) return false;
    memcpy(to, r->at, n);
    r->at += n;
    return true;
}

static PyObject *read_plain(struct reader *r, int depth);

static PyObject *read_tuple(struct reader *r, int depth)
{
    uint8_t n;
    if (!take(r, &n, 1) || depth == DEPTH_MAX) return malformed();
    PyObject *tuple = PyTuple_New(n);
    for (uint8_t i = 0; tuple && i < n; i++) {
        PyObject *item = read_plain(r, depth + 1);
        if (!item || PyTuple_SetItem(tuple, i, item) < 0) Py_CLEAR(tuple);
    }
    return tuple;
}

static PyObject *read_list(struct reader *r, int depth)
{
    uint8_t n;
    if (!take(r, &n, 1) || depth == DEPTH_MAX) return malformed();
    PyObject *list = PyList_New(n);
    for (uint8_t i = 0; list && i < n; i++) {
        PyObject *item = read_plain(r, depth + 1);
        if (!item || PyList_SetItem(list, i, item) < 0) Py_CLEAR(list);
    }
    return list;
}

static PyObject *read_dict(struct reader *r, int depth)
{
    uint8_t n;
    if (!take(r, &n, 1) || depth == DEPTH_MAX) return malformed();
    PyObject *dict = PyDict_New();
    for (uint8_t i = 0; dict && i < n; i++) {
        PyObject *key = read_plain(r, depth + 1), *value = key ? read_plain(r, depth + 1) : NULL;
        if (!value || PyDict_SetItem(dict, key, value) < 0) Py_CLEAR(dict);
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    return dict;
}

static PyObject *read_sized(struct reader *r, uint8_t tag)
{
    uint32_t n;
    if (!take(r, &n, 4) || (size_t)(r->end - r->at) < n) return malformed();
    const char *data = (const char *)r->at;
    r->at += n;
    return tag == TAG_STR ? PyUnicode_DecodeUTF8(data, n, NULL) : PyBytes_FromStringAndSize(data, n);
}

static PyObject *read_plain(struct reader *r, int depth)
{
    uint8_t tag;
    int64_t integer;
    double real;
    if (!take(r, &tag, 1)) return malformed();
    switch (tag) {
    case TAG_NONE: return Py_NewRef(Py_None);
    case TAG_TRUE: return Py_NewRef(Py_True);
    case TAG_FALSE: return Py_NewRef(Py_False);
    case TAG_INT: return take(r, &integer, sizeof integer) ? PyLong_FromLongLong(integer) : malformed();
    case TAG_FLOAT: return take(r, &real, sizeof real) ? PyFloat_FromDouble(real) : malformed();
    case TAG_STR:
    case TAG_BYTES: return read_sized(r, tag);
    case TAG_TUPLE: return read_tuple(r, depth);
    case TAG_LIST: return read_list(r, depth);
    case TAG_DICT: return read_dict(r, depth);
    default: return malformed();
    }
}

/* The unpickler reads the bytes where they lie; the view is released, so that nothing can look at them later. */
static PyObject *read_pickle(struct reader *r, bool *kept)
{
    PyObject *view = PyMemoryView_FromMemory((char *)r->at, r->end - r->at, PyBUF_READ);
    if (!view) return NULL;
    PyObject *object = PyObject_CallFunctionObjArgs(loads, view, NULL);
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyObject *released = PyObject_CallMethod(view, "release", NULL);
    *kept = released == NULL;
    PyErr_Clear();
    PyErr_Restore(type, value, trace);
    Py_XDECREF(released);
    Py_DECREF(view);
    return object;
}

PyObject *decode(const void *data, size_t size, bool *kept)
{
    struct reader r = {data, (const uint8_t *)data + size};
    *kept = false;
    if (size == 0) return malformed();
    if (*r.at == (TAG_BYTES | 0x80)) return PyBytes_FromStringAndSize((const char *)r.at + 1, (Py_ssize_t)size - 1);
    if (*r.at != TAG_PICKLE) return read_plain(&r, 0);
    r.at++;
    return read_pickle(&r, kept);
}

/* -- the Python side -- */

static PyObject *set_pickler(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *new_dumps, *new_loads;
    if (!PyArg_ParseTuple(args, "OO", &new_dumps, &new_loads)) return NULL;
    Py_XDECREF(dumps);
    Py_XDECREF(loads);
    dumps = Py_NewRef(new_dumps);
    loads = Py_NewRef(new_loads);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"set_pickler", set_pickler, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool codec_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
