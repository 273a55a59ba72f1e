/* See wait_record.h. */
#include "arena/wait_record.h"
#include "platform/compiler.h"

#include <stdio.h>
#include <string.h>

static owner_id committed; /* whose page has memory */
static PyObject *threading_name;
static word32 idle_threads; /* threads of the library that only wait for orders */
static THREAD_LOCAL bool is_idle;
static THREAD_LOCAL struct room room_wanted;

static struct wait_record *records_of(uint32_t slot)
{
    return arena_at(arena.header->records_at + (uint64_t)slot * MEMBER_RECORDS * RECORD_SIZE);
}

/* -- frames -- */

static PyObject *attribute(PyObject *object, const char *name)
{
    return object ? PyObject_GetAttrString(object, name) : NULL;
}

/* Whether a frame runs code of this project. */
static bool is_own(PyObject *frame)
{
    PyObject *globals = attribute(frame, "f_globals");
    PyObject *name = globals && PyDict_Check(globals) ? PyDict_GetItemString(globals, "__name__") : NULL;
    const char *text = name && PyUnicode_Check(name) ? PyUnicode_AsUTF8AndSize(name, NULL) : NULL;
    bool own = text && (strncmp(text, "processing.", 11) == 0 || strncmp(text, "processing_", 11) == 0)
            && strncmp(text, "processing_testing", 18) != 0;
    Py_XDECREF(globals);
    return own;
}

static int describe(PyObject *frame, char *to, size_t room)
{
    PyObject *code = attribute(frame, "f_code"), *line = attribute(frame, "f_lineno");
    PyObject *file = attribute(code, "co_filename"), *function = attribute(code, "co_qualname");
    const char *path = file ? PyUnicode_AsUTF8AndSize(file, NULL) : NULL;
    const char *name = function ? PyUnicode_AsUTF8AndSize(function, NULL) : NULL;
    long number = line && PyLong_Check(line) ? PyLong_AsLong(line) : 0;
    int n = path && name ? snprintf(to, room, "%s:%ld:%s\n", path, number, name) : 0;
    Py_XDECREF(code), Py_XDECREF(line), Py_XDECREF(file), Py_XDECREF(function);
    return n;
}

/* Frames of this project are left out before the first that is not. */
static void write_frames(char *to, size_t room)
{
    PyObject *frame = Py_XNewRef((PyObject *)PyEval_GetFrame());
    size_t at = 0;
    while (frame) {
        int n = at || !is_own(frame) ? describe(frame, to + at, room - at) : 0;
        if (n < 0 || at + (size_t)n >= room) break; /* it does not fit */
        at += (size_t)n;
        PyObject *back = attribute(frame, "f_back");
        Py_DECREF(frame);
        frame = back == Py_None ? Py_DECREF(back), NULL : back;
    }
    to[at] = 0;
    Py_XDECREF(frame);
    PyErr_Clear();
}

/* -- threads -- */

/* The thread's name, if `threading` knows it. */
static void write_name(char *to, size_t room)
{
    PyObject *module = PyImport_GetModule(threading_name), *active = attribute(module, "_active");
    PyObject *ident = PyLong_FromUnsignedLong(PyThread_get_thread_ident());
    PyObject *thread = active && ident && PyDict_Check(active) ? PyDict_GetItemWithError(active, ident) : NULL;
    PyObject *name = attribute(thread, "_name");
    const char *text = name && PyUnicode_Check(name) ? PyUnicode_AsUTF8AndSize(name, NULL) : NULL;
    memset(to, 0, room);
    strncpy(to, text ? text : "", room - 1);
    Py_XDECREF(module), Py_XDECREF(active), Py_XDECREF(ident), Py_XDECREF(name);
    PyErr_Clear();
}

#ifdef Py_GIL_DISABLED
/* Not the number of frames, which all threads are stopped for: a child that is forked while a thread is about to stop the
 * others has their lock, and nothing that unlocks it. Threads that a library has made are not counted. */
static uint64_t threads_of_python(void)
{
    PyObject *module = PyImport_ImportModule("_thread");
    PyObject *count = module ? PyObject_CallMethod(module, "_count", NULL) : NULL;
    uint64_t n = count && PyLong_Check(count) ? PyLong_AsUnsignedLongLong(count) + 1 : UINT32_MAX; /* the main thread */
    Py_XDECREF(module), Py_XDECREF(count);
    return n;
}
#else
/* CPython 3.11 makes objects in there while it holds a lock of its own, and what the collector, which that may start,
 * then finalizes may want the lock or the GIL: a deadlock (python/cpython#106883). */
static PyObject *current_frames(void)
{
    PyObject *function = PySys_GetObject("_current_frames");
    bool collects = PyGC_Disable();
    PyObject *frames = function ? PyObject_CallNoArgs(function) : NULL;
    if (collects) PyGC_Enable();
    return frames;
}

static uint64_t threads_of_python(void)
{
    PyObject *frames = current_frames();
    uint64_t n = frames && PyDict_Check(frames) ? (uint64_t)PyDict_Size(frames) : UINT32_MAX;
    Py_XDECREF(frames);
    return n;
}
#endif

static uint64_t count_threads(void)
{
    uint64_t n = threads_of_python(), idle = load_relaxed(&idle_threads);
    PyErr_Clear();
    return n > idle ? n - idle : 0;
}

static void begin_write(struct wait_record *r)
{
    store_relaxed(&r->count, load_relaxed(&r->count) + 1);
    fence_release();
}

static void end_write(struct wait_record *r) { store_release(&r->count, load_relaxed(&r->count) + 1); }

static void write_threads(struct wait_record *r)
{
    store_relaxed(&r->threads, count_threads());
    store_relaxed(&r->looked, (uint64_t)monotonic_ns());
}

/* -- records -- */

static struct wait_record *take(void)
{
    uint32_t slot = owner_slot(arena.self);
    struct wait_record *records = records_of(slot);
    if (committed != arena.self) {
        if (arena_commit(arena_offset(records), MEMBER_RECORDS * RECORD_SIZE) != OK) return NULL;
        committed = arena.self;
    }
    for (int i = 0; i < MEMBER_RECORDS; i++) {
        uint64_t taken = load_relaxed(&records[i].taken);
        if (taken == arena.self || !cas64(&records[i].taken, taken, arena.self)) continue;
        if (load_relaxed(&records[i].count) & 1) end_write(&records[i]); /* its writer was killed */
        return &records[i];
    }
    return NULL;
}

struct wait_record *wait_record_open(uint64_t at, owner_id target, int64_t since, int64_t deadline)
{
    if (is_idle || arena_usable() != OK) return NULL;
    struct wait_record *r = take();
    if (!r) return NULL;
    char text[sizeof r->text];
    write_frames(text, sizeof text);
    char name[sizeof r->name];
    write_name(name, sizeof name);
    begin_write(r);
    store_relaxed(&r->thread, PyThread_get_thread_ident());
    store_relaxed(&r->at, at);
    store_relaxed(&r->target, target);
    store_relaxed(&r->since, (uint64_t)since);
    store_relaxed(&r->deadline, (uint64_t)deadline);
    store_relaxed(&r->items, room_wanted.items);
    store_relaxed(&r->bytes, room_wanted.bytes);
    memcpy(r->name, name, sizeof name);
    memcpy(r->text, text, sizeof text);
    write_threads(r);
    end_write(r);
    return r;
}

void wait_record_look(struct wait_record *r)
{
    begin_write(r);
    write_threads(r);
    end_write(r);
}

struct wait_record *wait_record_slice(struct wait_record *r, word32 *w, int64_t slice, int64_t deadline)
{
    if (!r) return wait_record_open(arena_offset(w), 0, monotonic_ns() - slice, deadline);
    wait_record_look(r);
    return r;
}

void wait_record_close(struct wait_record *r)
{
    begin_write(r);
    store_relaxed(&r->at, 0);
    store_relaxed(&r->target, 0);
    end_write(r);
    store_release(&r->taken, 0);
}

struct room wait_record_room(struct room wanted)
{
    struct room before = room_wanted;
    room_wanted = wanted;
    return before;
}

void wait_record_forget(void)
{
    room_wanted = (struct room){0, 0};
    store_relaxed(&idle_threads, 0);
    is_idle = false;
}

/* -- for waits outside of the kernel -- */

static struct wait_record *numbered(PyObject *number)
{
    long i = PyLong_AsLong(number);
    if (i == -1 && PyErr_Occurred()) return NULL;
    struct wait_record *r =
        i >= 0 && i < MEMBER_RECORDS && arena_usable() == OK ? &records_of(owner_slot(arena.self))[i] : NULL;
    return r && load_relaxed(&r->taken) == arena.self ? r : NULL;
}

/* Where a cell's block is, by which readers find the cell; 0: it is gone. */
static uint64_t begin_of(uint32_t index, uint32_t generation)
{
    if (index == 0 || index >= load_acquire(&arena.header->fresh_cell)) return 0;
    struct cell *c = arena_cell(index);
    return ((uint32_t)(load_acquire(&c->word) >> 32) & 0xffffff) == generation ? load_acquire(&c->offset) : 0;
}

/* open_wait(seconds, slot, serial, index, generation, left): this thread has waited for so long; a number, or -1. */
static PyObject *py_open_wait(PyObject *Py_UNUSED(module), PyObject *args)
{
    double waited, left;
    unsigned int slot, index, generation;
    unsigned long long serial;
    if (!PyArg_ParseTuple(args, "dIKIId", &waited, &slot, &serial, &index, &generation, &left)) return NULL;
    if (arena_usable() != OK) return PyLong_FromLong(-1);
    int64_t now = monotonic_ns(), deadline = left < 0 || left > 1e9 ? NO_DEADLINE : now + (int64_t)(left * 1e9);
    struct wait_record *r = wait_record_open(begin_of(index, generation), serial ? make_owner(serial, slot) : 0,
                                             now - (int64_t)(waited * 1e9), deadline);
    return PyLong_FromLong(r ? (long)(r - records_of(owner_slot(arena.self))) : -1);
}

static PyObject *py_look_wait(PyObject *Py_UNUSED(module), PyObject *number)
{
    struct wait_record *r = numbered(number);
    if (r) wait_record_look(r);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyObject *py_close_wait(PyObject *Py_UNUSED(module), PyObject *number)
{
    struct wait_record *r = numbered(number);
    if (r) wait_record_close(r);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* set_idle(on): whether this thread of the library only waits for orders, and so ends no thread's wait by itself. */
static PyObject *py_set_idle(PyObject *Py_UNUSED(module), PyObject *on)
{
    bool idle = on == Py_True;
    if (idle != is_idle) fetch_add(&idle_threads, idle ? 1 : -1);
    is_idle = idle;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"open_wait", py_open_wait, METH_VARARGS, NULL},
    {"look_wait", py_look_wait, METH_O, NULL},
    {"close_wait", py_close_wait, METH_O, NULL},
    {"set_idle", py_set_idle, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

bool wait_record_register(PyObject *module)
{
    threading_name = PyUnicode_InternFromString("threading");
    return threading_name && PyModule_AddFunctions(module, functions) == 0;
}
