/* Claims are written by ring_get under the ring's get_lock, and cleared by the process that takes that lock from
 * the dead if their messages were not consumed: see ring.c. So after ring_recover_claims a dead worker's claim is the
 * message that it took. */
#include "pool/claims.h"

#include <string.h>

static PyTypeObject *claims_type;

/* What a worker has done, for introspection. */
struct worker_notes {
    word64 worker; /* owner_id of the process */
    uint64_t spare[7];
    struct longest longest[LONGEST_ITEMS];
    struct function_name functions[FUNCTION_NAMES];
};

/* Whose claims these are: the cells of the pool's rings; written once, by the process that makes them. */
struct pool_note {
    word64 tasks, results;
    uint64_t spare[6];
};

/* The claims of all workers stand first, then their result buffers, then their notes, then the pool's. */
#define WORKER_SIZE (sizeof(struct claim) + RESULT_BUFFER_SIZE + sizeof(struct worker_notes))

static Py_ssize_t workers_of(PyObject *self)
{
    return (Py_ssize_t)(load_relaxed(&arena_cell(id_index(((handle_object *)self)->id))->size) / WORKER_SIZE);
}

static struct claim *claims_of(PyObject *self) { return ((handle_object *)self)->block; }

uint8_t *result_buffer_of(PyObject *claims, struct claim *c)
{
    return (uint8_t *)(claims_of(claims) + workers_of(claims)) + (c - claims_of(claims)) * RESULT_BUFFER_SIZE;
}

static struct worker_notes *notes_of(PyObject *claims, struct claim *c)
{
    struct claim *first = claims_of(claims);
    return (struct worker_notes *)(result_buffer_of(claims, first) + workers_of(claims) * RESULT_BUFFER_SIZE)
         + (c - first);
}

static struct pool_note *pool_note_of(PyObject *claims)
{
    return (struct pool_note *)(notes_of(claims, claims_of(claims)) + workers_of(claims));
}

struct claim *claim_at(PyObject *claims, Py_ssize_t worker)
{
    if (!PyObject_TypeCheck(claims, claims_type)) {
        PyErr_Format(PyExc_TypeError, "%R is no Claims", claims);
        return NULL;
    }
    if (!handle_usable(claims)) return NULL;
    if (worker < 0 || worker >= workers_of(claims)) {
        PyErr_Format(PyExc_IndexError, "worker index %zd: there are %zd", worker, workers_of(claims));
        return NULL;
    }
    return &claims_of(claims)[worker];
}

static struct claim *parsed_claim(PyObject *self, PyObject *worker)
{
    Py_ssize_t number = PyLong_AsSsize_t(worker);
    return number == -1 && PyErr_Occurred() ? NULL : claim_at(self, number);
}

/* What a claim says, copied at one moment. */
struct look {
    uint64_t job_id, index, position, work, began, finished, flushed;
};

/* False: the worker has taken no message. The position is read first and last, and is 0 while the numbers change;
 * `work` is read twice in the same way for the words that belong to it. A taker changes them only once a message or
 * item, so the loop ends. */
static bool look_at(struct claim *c, struct look *l)
{
    for (;;) {
        l->position = load(&c->position);
        l->work = load(&c->work);
        l->job_id = load_acquire(&c->job_id);
        l->index = load_acquire(&c->index);
        l->began = load_acquire(&c->began);
        l->finished = load_acquire(&c->finished);
        l->flushed = load_acquire(&c->flushed);
        if (load(&c->work) == l->work && load(&c->position) == l->position) return l->position != 0;
    }
}

/* read(worker): (job_id, index), or None. */
static PyObject *py_read(PyObject *self, PyObject *worker)
{
    struct claim *c = parsed_claim(self, worker);
    struct look l;
    if (!c) return NULL;
    if (!look_at(c, &l)) Py_RETURN_NONE;
    return Py_BuildValue("KK", (unsigned long long)l.job_id, (unsigned long long)l.index);
}

/* look(worker): (job_id, index, next, end, running, finished, began, work), or None. */
static PyObject *py_look(PyObject *self, PyObject *worker)
{
    struct claim *c = parsed_claim(self, worker);
    struct look l;
    if (!c) return NULL;
    if (!look_at(c, &l)) Py_RETURN_NONE;
    return Py_BuildValue("KKIINKLK", (unsigned long long)l.job_id, (unsigned long long)l.index, work_next(l.work),
                         work_end(l.work), PyBool_FromLong((l.work & WORK_RUNNING) != 0),
                         (unsigned long long)l.finished, (long long)l.began, (unsigned long long)l.work);
}

/* stop(worker, work): whether the word was that still; then this taker begins nothing more. */
static PyObject *py_stop(PyObject *self, PyObject *args)
{
    Py_ssize_t worker;
    unsigned long long work;
    if (!PyArg_ParseTuple(args, "nK", &worker, &work)) return NULL;
    struct claim *c = claim_at(self, worker);
    return c ? PyBool_FromLong(cas64(&c->work, work, work | WORK_STOPPED)) : NULL;
}

/* revoke(worker, work, n): the same; if it succeeds, the last n items that are not begun belong to the caller. */
static PyObject *py_revoke(PyObject *self, PyObject *args)
{
    Py_ssize_t worker;
    unsigned long long work;
    unsigned int n;
    if (!PyArg_ParseTuple(args, "nKI", &worker, &work, &n)) return NULL;
    struct claim *c = claim_at(self, worker);
    if (!c) return NULL;
    if (n > work_end(work) - work_next(work)) {
        PyErr_SetString(PyExc_ValueError, "not that many are left");
        return NULL;
    }
    return PyBool_FromLong(cas64(&c->work, work, work - n * WORK_END_ONE));
}

/* saved(worker): (how many, from which item on, their bytes): the results that the dead worker had not sent, or was
 * sending. */
static PyObject *py_saved(PyObject *self, PyObject *worker)
{
    struct claim *c = parsed_claim(self, worker);
    struct look l;
    if (!c) return NULL;
    if (!look_at(c, &l) || l.finished <= l.flushed) return Py_BuildValue("KKy", 0ull, 0ull, "");
    uint8_t *buffer = result_buffer_of(self, c);
    uint64_t n = l.finished - l.flushed, at = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint32_t size;
        memcpy(&size, buffer + at, 4);
        at += 4 + (size & ~SAVED_FAILED);
    }
    return Py_BuildValue("KKy#", (unsigned long long)n, (unsigned long long)l.flushed, buffer, (Py_ssize_t)at);
}

static void set(struct claim *c, uint64_t job_id, uint64_t index, uint64_t position)
{
    store(&c->position, 0);
    store_release(&c->job_id, job_id);
    store_release(&c->index, index);
    store(&c->work, ((load_relaxed(&c->work) >> 32) + 1) << 32);
    store_release(&c->finished, 0);
    store_release(&c->flushed, 0);
    store(&c->position, position);
}

/* write(worker, job_id, index): what the worker says of itself before it takes anything. */
static PyObject *py_write(PyObject *self, PyObject *args)
{
    Py_ssize_t worker;
    unsigned long long job_id, index;
    if (!PyArg_ParseTuple(args, "nKK", &worker, &job_id, &index)) return NULL;
    struct claim *c = claim_at(self, worker);
    if (!c) return NULL;
    store_relaxed(&notes_of(self, c)->worker, arena.self);
    store_relaxed(&c->ready_at, (uint64_t)monotonic_ns());
    set(c, job_id, index, 1); /* of no message: positions begin at 0, and ring_recover_claims leaves this one alone */
    Py_RETURN_NONE;
}

/* clear(worker): before another process becomes it. */
static PyObject *py_clear(PyObject *self, PyObject *worker)
{
    struct claim *c = parsed_claim(self, worker);
    if (!c) return NULL;
    set(c, 0, 0, 0);
    store(&c->leaving, 0);
    word64 *figures[] = {&c->done, &c->idle, &c->idle_since, &c->ready_at, &c->floor, &c->function};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) store_relaxed(figures[i], 0);
    memset(notes_of(self, c), 0, sizeof(struct worker_notes));
    Py_RETURN_NONE;
}

/* retire(worker): it ends when the item that it runs is done; TaskQueue._rouse wakes it if it sleeps. */
static PyObject *py_retire(PyObject *self, PyObject *worker)
{
    struct claim *c = parsed_claim(self, worker);
    if (!c) return NULL;
    claim_retire(c);
    Py_RETURN_NONE;
}

static PyObject *claims_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    Py_ssize_t workers;
    if (kwargs && PyDict_Size(kwargs)) {
        PyErr_SetString(PyExc_TypeError, "Claims() takes no keywords");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "n", &workers)) return NULL;
    if (workers < 1) {
        PyErr_Format(PyExc_ValueError, "%zd workers: there must be at least one", workers);
        return NULL;
    }
    return handle_create(type, CELL_CLAIMS, (uint64_t)workers * WORKER_SIZE + sizeof(struct pool_note));
}

/* figures(worker): (done, idle ns, since when it is idle, when it was ready, began, runs, function's cell). */
static PyObject *py_figures(PyObject *self, PyObject *worker)
{
    struct claim *c = parsed_claim(self, worker);
    if (!c) return NULL;
    return Py_BuildValue("KKKKKNK", (unsigned long long)load_relaxed(&c->done),
                         (unsigned long long)load_relaxed(&c->idle), (unsigned long long)load_relaxed(&c->idle_since),
                         (unsigned long long)load_relaxed(&c->ready_at), (unsigned long long)load_relaxed(&c->began),
                         PyBool_FromLong((load_relaxed(&c->work) & WORK_RUNNING) != 0),
                         (unsigned long long)load_relaxed(&c->function));
}

/* note(worker, ns, text): one of its longest items; whether it was kept. */
static PyObject *py_note(PyObject *self, PyObject *args)
{
    Py_ssize_t worker;
    unsigned long long ns;
    const char *text;
    if (!PyArg_ParseTuple(args, "nKs", &worker, &ns, &text)) return NULL;
    struct claim *c = claim_at(self, worker);
    return c ? PyBool_FromLong(longest_write(c, notes_of(self, c)->longest, ns, text)) : NULL;
}

/* name(worker, cell, text): the function that a worker has taken. */
static PyObject *py_name(PyObject *self, PyObject *args)
{
    Py_ssize_t worker;
    unsigned long long cell;
    const char *text;
    if (!PyArg_ParseTuple(args, "nKs", &worker, &cell, &text)) return NULL;
    struct claim *c = claim_at(self, worker);
    if (!c) return NULL;
    function_note(notes_of(self, c)->functions, cell, text);
    Py_RETURN_NONE;
}

/* belong(tasks, results): the cells of the rings of the pool whose claims these are. */
static PyObject *py_belong(PyObject *self, PyObject *args)
{
    unsigned long long tasks, results;
    if (!PyArg_ParseTuple(args, "KK", &tasks, &results) || !handle_usable(self)) return NULL;
    store_relaxed(&pool_note_of(self)->tasks, tasks);
    store_relaxed(&pool_note_of(self)->results, results);
    Py_RETURN_NONE;
}

/* longest(worker): [(ns, text), ...], in no order. */
static PyObject *py_longest(PyObject *self, PyObject *worker)
{
    struct claim *c = parsed_claim(self, worker);
    return c ? longest_rows(notes_of(self, c)->longest) : NULL;
}

/* listed(): [(number in the message, ns), ...] of the message that this worker has run. */
static PyObject *py_listed(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(none)) { return longest_take(); }

static PyMethodDef methods[] = {
    {"figures", py_figures, METH_O, NULL},
    {"note", py_note, METH_VARARGS, NULL},
    {"longest", py_longest, METH_O, NULL},
    {"listed", py_listed, METH_NOARGS, NULL},
    {"name", py_name, METH_VARARGS, NULL},
    {"belong", py_belong, METH_VARARGS, NULL},
    {"read", py_read, METH_O, NULL},
    {"look", py_look, METH_O, NULL},
    {"stop", py_stop, METH_VARARGS, NULL},
    {"revoke", py_revoke, METH_VARARGS, NULL},
    {"saved", py_saved, METH_O, NULL},
    {"write", py_write, METH_VARARGS, NULL},
    {"clear", py_clear, METH_O, NULL},
    {"retire", py_retire, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {{Py_tp_new, claims_new}, {Py_tp_methods, methods}, {0, NULL}};

#define AT(field) {#field, offsetof(struct claim, field)}
static const struct cell_field fields[] = {AT(job_id),
                                           AT(index),
                                           AT(position),
                                           AT(work),
                                           AT(began),
                                           AT(finished),
                                           AT(done),
                                           AT(idle),
                                           AT(idle_since),
                                           AT(ready_at),
                                           AT(function),
                                           {"claim", sizeof(struct claim)},
                                           {"buffer", RESULT_BUFFER_SIZE},
                                           {"worker", WORKER_SIZE},
                                           {"notes", sizeof(struct worker_notes)},
                                           {"notes.worker", offsetof(struct worker_notes, worker)},
                                           {"functions", offsetof(struct worker_notes, functions)},
                                           {"function_name", sizeof(struct function_name)},
                                           {NULL, 0}};
static const struct cell_ops claims_ops = {.fields = fields};

bool claims_register(PyObject *module)
{
    cell_ops[CELL_CLAIMS] = &claims_ops;
    claims_type =
        handle_type(module, "processing_core._kernel.Claims", CELL_CLAIMS, sizeof(handle_object), slots, false);
    return claims_type != NULL;
}
