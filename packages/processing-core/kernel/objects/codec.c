/* The codec. None, bools, ints of 64 bits, floats, str, bytes, bytearrays, and small trees of tuples, lists and
 * dicts of these need no pickle (pickle.c). Exact types only: a subclass is pickled. If a mutable object
 * occurs twice, the receiver must get one object, too: then the whole is pickled. (Measured: an int
 * 40 ns, {"a": 1, "b": [1, 2, 3]} 300 ns, against 900 and 1,700 through pickle.dumps and loads.) */
#include "objects/codec.h"
#include "base/private_lock.h"

#include <string.h>

#define ITEMS_MAX 255   /* in one container, but for lists of what is small */
#define LIST_MAX 0x7fff /* in such a list: pickle is slower, but more compact */
#define SMALL 64        /* bytes an item, on the average: pickle sends a thing that is many times in a list once */
#define DEPTH_MAX 4
#define SHARED_MAX 16  /* lists, dicts and bytearrays in one object */
#define REST_MIN 1024  /* longer bytes that are the whole object are not copied into the head */
#define PIECE_MIN 8192 /* nor are these anywhere: they do not fit into a ring */

/* -- writing -- */

static bool put_tag(struct encoding *e, uint8_t tag, const void *data, size_t n)
{
    uint8_t *at = encoding_grow(e, 1 + n);
    if (!at) return false;
    *at = tag;
    if (n) memcpy(at + 1, data, n);
    return true;
}

static bool put_sized(struct encoding *e, uint8_t tag, const char *data, Py_ssize_t n)
{
    if ((size_t)n > UINT32_MAX) return false;
    uint32_t size = (uint32_t)n;
    uint8_t *at = encoding_grow(e, 5 + (size_t)n);
    if (!at) return false;
    *at = tag;
    memcpy(at + 1, &size, 4);
    memcpy(at + 5, data, (size_t)n);
    return true;
}

static size_t scalar(uint8_t *to, uint8_t tag, const void *value)
{
    *to = tag;
    memcpy(to + 1, value, 8);
    return SCALAR_MAX;
}

size_t encode_scalar(uint8_t *to, PyObject *object)
{
    if (PyLong_CheckExact(object)) {
        int overflow;
        int64_t value = PyLong_AsLongLongAndOverflow(object, &overflow);
        return overflow ? 0 : scalar(to, TAG_INT, &value);
    }
    if (PyFloat_CheckExact(object)) {
        double value = PyFloat_AsDouble(object);
        return scalar(to, TAG_FLOAT, &value);
    }
    *to = object == Py_None ? TAG_NONE : object == Py_True ? TAG_TRUE : TAG_FALSE;
    return object == Py_None || object == Py_True || object == Py_False;
}

/* False: it is none, or there is no memory. */
static bool put_scalar(struct encoding *e, PyObject *object)
{
    uint8_t *at = encoding_grow(e, SCALAR_MAX);
    size_t n = at ? encode_scalar(at, object) : 0;
    if (at) e->head_size -= SCALAR_MAX - n;
    return n > 0;
}

static bool put_str(struct encoding *e, PyObject *object)
{
    Py_ssize_t n;
    const char *text = PyUnicode_AsUTF8AndSize(object, &n);
    if (text) return put_sized(e, TAG_STR, text, n);
    PyErr_Clear(); /* lone surrogates: pickle knows how */
    return false;
}

/* A tag, a size of 64 bits, and the bytes: copied now if they are few. */
static bool put_long(struct encoding *e, uint8_t tag, PyObject *bytes, const char *data, Py_ssize_t n)
{
    uint64_t size = (uint64_t)n;
    if (!put_tag(e, tag, &size, sizeof size)) return false;
    if (n >= PIECE_MIN) return encoding_append(e, bytes);
    uint8_t *at = encoding_grow(e, (size_t)n);
    if (!at) return false;
    memcpy(at, data, (size_t)n);
    return true;
}

static bool put_bytes(struct encoding *e, PyObject *object)
{
    Py_ssize_t n = PyBytes_Size(object);
    const char *data = PyBytes_AsString(object);
    return n < PIECE_MIN ? put_sized(e, TAG_BYTES, data, n) : put_long(e, TAG_LONG_BYTES, object, data, n);
}

/* The mutable things seen so far: none may come twice. */
struct seen {
    PyObject *objects[SHARED_MAX];
    int n;
};

static bool see_once(struct seen *seen, PyObject *object)
{
    if (seen->n == SHARED_MAX) return false;
    for (int i = 0; i < seen->n; i++)
        if (seen->objects[i] == object) return false;
    seen->objects[seen->n++] = object;
    return true;
}

static bool put_plain(struct encoding *e, PyObject *object, int depth, struct seen *seen);

/* -- what can change: no Python code runs in here and the GIL is held, so nothing does.  Without a GIL the parts of a
 * container are taken in its critical section, and written afterwards -- */

#ifdef Py_GIL_DISABLED
struct parts {
    PyObject *objects[2 * ITEMS_MAX];
    Py_ssize_t n;
};

/* False: there are too many. */
static bool take_items(struct parts *parts, PyObject *list)
{
    Py_ssize_t n = PyList_Size(list);
    if (n > ITEMS_MAX) return false;
    for (parts->n = 0; parts->n < n; parts->n++) parts->objects[parts->n] = Py_NewRef(PyList_GetItem(list, parts->n));
    return true;
}

static bool take_entries(struct parts *parts, PyObject *dict)
{
    Py_ssize_t at = 0;
    PyObject *key, *value;
    if (PyDict_Size(dict) > ITEMS_MAX) return false;
    for (parts->n = 0; PyDict_Next(dict, &at, &key, &value); parts->n += 2) {
        parts->objects[parts->n] = Py_NewRef(key);
        parts->objects[parts->n + 1] = Py_NewRef(value);
    }
    return true;
}

/* Write the parts, if what stands before them was `put`, and let go of them. */
static bool put_parts(struct encoding *e, struct parts *parts, bool put, int depth, struct seen *seen)
{
    for (Py_ssize_t i = 0; i < parts->n; i++) {
        put = put && put_plain(e, parts->objects[i], depth, seen);
        Py_DECREF(parts->objects[i]);
    }
    return put;
}

/* A buffer, so that the bytearray cannot be resized meanwhile. */
static bool put_bytearray(struct encoding *e, PyObject *object, struct seen *seen)
{
    Py_buffer view;
    if (!see_once(seen, object) || PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) < 0) return false;
    bool done = put_long(e, TAG_BYTEARRAY, object, view.buf, view.len);
    PyBuffer_Release(&view);
    return done;
}
#else
static bool put_bytearray(struct encoding *e, PyObject *object, struct seen *seen)
{
    return see_once(seen, object)
        && put_long(e, TAG_BYTEARRAY, object, PyByteArray_AsString(object), PyByteArray_Size(object));
}
#endif

/* -- containers -- */

static bool put_count(struct encoding *e, uint8_t tag, Py_ssize_t n, int depth)
{
    uint8_t count = (uint8_t)n;
    return depth < DEPTH_MAX && n <= ITEMS_MAX && put_tag(e, tag, &count, 1);
}

static bool put_tuple(struct encoding *e, PyObject *object, int depth, struct seen *seen)
{
    Py_ssize_t n = PyTuple_Size(object);
    if (!put_count(e, TAG_TUPLE, n, depth)) return false;
    for (Py_ssize_t i = 0; i < n; i++)
        if (!put_plain(e, PyTuple_GetItem(object, i), depth + 1, seen)) return false;
    return true;
}

#ifdef Py_GIL_DISABLED
static bool put_list(struct encoding *e, PyObject *object, int depth, struct seen *seen)
{
    struct parts parts;
    bool taken;
    if (!see_once(seen, object)) return false;
    LOCKED(object, taken = take_items(&parts, object));
    if (!taken) return false;
    return put_parts(e, &parts, put_count(e, TAG_LIST, parts.n, depth), depth + 1, seen);
}

static bool put_dict(struct encoding *e, PyObject *object, int depth, struct seen *seen)
{
    struct parts parts;
    bool taken;
    if (!see_once(seen, object)) return false;
    LOCKED(object, taken = take_entries(&parts, object));
    if (!taken) return false;
    return put_parts(e, &parts, put_count(e, TAG_DICT, parts.n / 2, depth), depth + 1, seen);
}
#else
static bool put_list(struct encoding *e, PyObject *object, int depth, struct seen *seen)
{
    Py_ssize_t n = PyList_Size(object);
    if (!see_once(seen, object) || !put_count(e, TAG_LIST, n, depth)) return false;
    for (Py_ssize_t i = 0; i < n; i++)
        if (!put_plain(e, PyList_GetItem(object, i), depth + 1, seen)) return false;
    return true;
}

static bool put_dict(struct encoding *e, PyObject *object, int depth, struct seen *seen)
{
    Py_ssize_t at = 0;
    PyObject *key, *value;
    if (!see_once(seen, object) || !put_count(e, TAG_DICT, PyDict_Size(object), depth)) return false;
    while (PyDict_Next(object, &at, &key, &value))
        if (!put_plain(e, key, depth + 1, seen) || !put_plain(e, value, depth + 1, seen)) return false;
    return true;
}
#endif

/* The items of a batch. (Measured for 1,000 ints: 12 us to write and 14 to read them; 32 and 33 through pickle.) */
static bool put_long_list(struct encoding *e, PyObject *object, struct seen *seen)
{
    Py_ssize_t n = PyList_Size(object);
    uint32_t count = (uint32_t)n;
    if (n > LIST_MAX || !see_once(seen, object) || !put_tag(e, TAG_LONG_LIST, &count, sizeof count)) return false;
    for (size_t i = 0; i < count; i++)
        if (!put_plain(e, PyList_GetItem(object, (Py_ssize_t)i), 1, seen) || encoding_size(e) > SMALL * (i + ITEMS_MAX))
            return false;
    return true;
}

#ifdef Py_GIL_DISABLED
/* Of a copy, which no other thread has. */
static bool put_long_copy(struct encoding *e, PyObject *object, struct seen *seen)
{
    PyObject *copy = PyList_GetSlice(object, 0, LIST_MAX + 1);
    bool put = copy && put_long_list(e, copy, seen);
    Py_XDECREF(copy);
    return put;
}
#else
#define put_long_copy put_long_list
#endif

/* False: not a plain value (or no memory, which may be raised); the object is pickled as a whole. */
static bool put_plain(struct encoding *e, PyObject *object, int depth, struct seen *seen)
{
    if (PyUnicode_CheckExact(object)) return put_str(e, object);
    if (put_scalar(e, object)) return true;
    if (PyBytes_CheckExact(object)) return put_bytes(e, object);
    if (PyTuple_CheckExact(object)) return put_tuple(e, object, depth, seen);
    if (PyList_CheckExact(object)) return put_list(e, object, depth, seen);
    if (PyDict_CheckExact(object)) return put_dict(e, object, depth, seen);
    return PyByteArray_CheckExact(object) && put_bytearray(e, object, seen);
}

bool encode(struct encoding *e, PyObject *object)
{
    if (PyBytes_CheckExact(object) && PyBytes_Size(object) >= REST_MIN)
        return put_tag(e, TAG_REST, NULL, 0) && encoding_append(e, object);
    struct seen seen;
    seen.n = 0;
    bool is_long = PyList_CheckExact(object) && PyList_Size(object) > ITEMS_MAX;
    if (is_long ? put_long_copy(e, object, &seen) : put_plain(e, object, 0, &seen)) return true;
    PyErr_Clear();
    encoding_clear(e);
    return encode_pickle(e, object);
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

static PyObject *read_items(struct reader *r, uint32_t n, int depth)
{
    if (r->end - r->at < n) return malformed();
    PyObject *list = PyList_New(n);
    for (uint32_t i = 0; list && i < n; i++) {
        PyObject *item = read_plain(r, depth + 1);
        if (!item || PyList_SetItem(list, i, item) < 0) Py_CLEAR(list);
    }
    return list;
}

static PyObject *read_list(struct reader *r, int depth)
{
    uint8_t n;
    return take(r, &n, 1) && depth < DEPTH_MAX ? read_items(r, n, depth) : malformed();
}

static PyObject *read_long_list(struct reader *r)
{
    uint32_t n;
    return take(r, &n, sizeof n) ? read_items(r, n, 0) : malformed();
}

/* The short keys of dicts that this process has read: most messages have those of earlier ones. A key that is found is
 * not made, hashed and freed again. Without a GIL threads would contend for the table, and for the keys' counts. */
#ifdef Py_GIL_DISABLED
#define read_key read_plain
#else
#define KEYS 256 /* the table has one place for all keys with a hash */
#define KEY_MAX 24

/* Three words that overlap where the key is shorter: together with the size they are all of its bytes. */
struct key_bytes {
    uint64_t first, middle, last;
    uint32_t size;
};

static struct {
    PyObject *text;
    struct key_bytes bytes;
} keys[KEYS];

static struct key_bytes key_bytes(const uint8_t *at, uint32_t n)
{
    struct key_bytes key = {0, 0, 0, n};
    if (n >= 8) {
        memcpy(&key.first, at, 8);
        memcpy(&key.middle, at + n / 2 - 4, 8);
        memcpy(&key.last, at + n - 8, 8);
    } else if (n >= 4) {
        memcpy(&key.first, at, 4);
        memcpy(&key.last, at + n - 4, 4);
    } else if (n) {
        key.first = at[0], key.middle = at[n / 2], key.last = at[n - 1];
    }
    return key;
}

static size_t key_place(const struct key_bytes *key)
{
    uint64_t mixed = (key->first ^ key->size) * 0x9e3779b97f4a7c15 + key->middle * 0xc2b2ae3d27d4eb4f + key->last;
    return mixed * 0x9e3779b97f4a7c15 >> 56; /* one of KEYS */
}

static bool same_key(const struct key_bytes *a, const struct key_bytes *b)
{
    return a->first == b->first && a->middle == b->middle && a->last == b->last && a->size == b->size;
}

static PyObject *read_key(struct reader *r, int depth)
{
    uint32_t n = KEY_MAX + 1;
    if (r->end - r->at >= 5 && *r->at == TAG_STR) memcpy(&n, r->at + 1, sizeof n);
    if (n > KEY_MAX || r->end - r->at - 5 < n) return read_plain(r, depth);
    struct key_bytes bytes = key_bytes(r->at + 5, n);
    size_t place = key_place(&bytes);
    if (keys[place].text && same_key(&keys[place].bytes, &bytes)) {
        r->at += 5 + n;
        return Py_NewRef(keys[place].text);
    }
    PyObject *key = read_plain(r, depth), *replaced = keys[place].text;
    if (!key) return NULL;
    keys[place].text = Py_NewRef(key);
    keys[place].bytes = bytes;
    Py_XDECREF(replaced);
    return key;
}
#endif

static PyObject *read_dict(struct reader *r, int depth)
{
    uint8_t n;
    if (!take(r, &n, 1) || depth == DEPTH_MAX) return malformed();
    PyObject *dict = PyDict_New();
    for (uint8_t i = 0; dict && i < n; i++) {
        PyObject *key = read_key(r, depth + 1), *value = key ? read_plain(r, depth + 1) : NULL;
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

/* Bytes, or a bytearray: it owns its memory, so it cannot refer to the message. */
static PyObject *read_long(struct reader *r, uint8_t tag)
{
    uint64_t n;
    if (!take(r, &n, sizeof n) || (uint64_t)(r->end - r->at) < n) return malformed();
    PyObject *bytes = tag == TAG_BYTEARRAY ? PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)n)
                                           : PyBytes_FromStringAndSize(NULL, (Py_ssize_t)n);
    if (!bytes) return NULL;
    copy_bytes(tag == TAG_BYTEARRAY ? PyByteArray_AsString(bytes) : PyBytes_AsString(bytes), r->at, n);
    r->at += n;
    return bytes;
}

static PyObject *read_rest(struct reader *r)
{
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, r->end - r->at);
    if (bytes) copy_bytes(PyBytes_AsString(bytes), r->at, (size_t)(r->end - r->at));
    return bytes;
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
    case TAG_LONG_BYTES:
    case TAG_BYTEARRAY: return read_long(r, tag);
    default: return malformed();
    }
}

PyObject *decode(const void *data, size_t size, const struct blocks *blocks, bool *kept)
{
    struct reader r = {data, (const uint8_t *)data + size};
    *kept = false;
    if (size == 0) return malformed();
    switch (*r.at++) {
    case TAG_REST: return read_rest(&r);
    case TAG_PICKLE: return decode_pickle(r.at, (size_t)(r.end - r.at), blocks, kept);
    case TAG_LONG_LIST: return read_long_list(&r);
    default: r.at--;
    }
    return read_plain(&r, 0);
}
