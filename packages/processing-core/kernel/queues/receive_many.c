/* Taking many messages at once: one round of the ring's lock for each segment, and one store that consumes them. */
#include "queues/receive_many.h"
#include "arena/errors.h"

#define MOST_MESSAGES 512u
#define MOST_PARCELS 64u

struct receiving_many {
    PyObject *queue;
    struct coalescing *coalescing;
    struct incoming_many h;
    refno refs[MOST_PARCELS]; /* the entries' numbers */
    struct incoming messages[MOST_MESSAGES];
    struct reference *entries[MOST_PARCELS];
    uint8_t data[LARGEST_SEGMENT];
};

static outcome receiving_begin(struct receiving_many *g, Py_ssize_t limit)
{
    uint32_t most = limit < MOST_MESSAGES ? (uint32_t)limit : MOST_MESSAGES;
    g->h = (struct incoming_many){.data = g->data, .messages = g->messages, .limit = most, .entries = g->entries};
    while (g->h.n_entries < most && g->h.n_entries < MOST_PARCELS) {
        outcome o = reference_reserve(&g->refs[g->h.n_entries]);
        if (o != OK) return o;
        g->h.n_entries++;
    }
    for (uint32_t i = 0; i < g->h.n_entries; i++) g->entries[i] = reference_at(g->refs[i]);
    return OK;
}

/* The entries that hold no parcel are free again. */
static void receiving_end(struct receiving_many *g)
{
    for (uint32_t i = g->h.parcels; i < g->h.n_entries; i++) reference_return(g->refs[i]);
}

static outcome attempt(void *ctx, bool look)
{
    struct receiving_many *g = ctx;
    coalescing_pause(&g->coalescing);
    if (look) ring_look(ring_of(g->queue));
    return ring_get_many(ring_of(g->queue), index_of(g->queue), &g->h, false);
}

static outcome receive_once(struct receiving_many *g, int64_t deadline)
{
    struct ring *r = ring_of(g->queue);
    outcome o = ring_get_many(r, index_of(g->queue), &g->h, true);
    if (o == BUSY && deadline == 0) {
        PyThreadState *thread = PyEval_SaveThread();
        o = attempt(g, true);
        PyEval_RestoreThread(thread);
    } else if (o == BUSY) {
        g->coalescing = &queue_of(g->queue)->gets;
        o = park_until_alone(&r->not_empty.parked, &r->spinner, &queue_of(g->queue)->get_spin, attempt, g, deadline);
        if (o == OK && g->h.n) coalescing_passed(&queue_of(g->queue)->gets, g->messages[0].number);
        ring_pass_on(r);
    }
    return o;
}

/* (True, object), or (False, the exception that is set). */
static PyObject *row_of(PyObject *object)
{
    if (object) return Py_BuildValue("(ON)", Py_True, object);
    return Py_BuildValue("(ON)", Py_False, take_exception());
}

/* Every message becomes a row, for all of them are consumed. */
static outcome open_all(struct receiving_many *g, PyObject *rows, bool copy)
{
    uint32_t parcels = 0;
    outcome o = OK;
    for (uint32_t i = 0; i < g->h.n; i++) {
        refno ref = g->messages[i].flags & MESSAGE_PARCEL ? g->refs[parcels++] : NO_REF;
        uint64_t header[2];
        PyObject *row = row_of(message_object(&g->messages[i], ref, copy, header));
        if (!row || PyList_Append(rows, row) < 0) o = E_SIGNAL;
        Py_XDECREF(row);
    }
    return o;
}

outcome queue_receive_many(PyObject *self, PyObject *rows, Py_ssize_t limit, int64_t deadline, bool copy)
{
    struct receiving_many *g = PyMem_Malloc(sizeof *g);
    outcome o = g ? OK : E_SIGNAL;
    if (!g) PyErr_NoMemory();
    for (bool first = true; o == OK && PyList_Size(rows) < limit; first = false) {
        if (!first && ring_empty(ring_of(self))) break;
        g->queue = self;
        g->coalescing = NULL;
        o = receiving_begin(g, limit - PyList_Size(rows));
        if (o == OK) o = receive_once(g, first ? deadline : 0);
        receiving_end(g);
        if (!first && (o == BUSY || o == E_CLOSED)) o = OK; /* another consumer was quicker */
        else if (o == OK) o = open_all(g, rows, copy);
        if (o == OK && g->h.n == 0) break;
    }
    PyMem_Free(g);
    return o;
}
