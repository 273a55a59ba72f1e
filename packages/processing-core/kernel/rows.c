/* What pools say: messages with two numbers of the sender's, which are readable even where the object is not. */
#include "batch.h"

#define BATCH 64

/* send(a, b, object, claims=None, place=0): with a claim, the object is the result of its only item. */
PyObject *rows_send(PyObject *self, PyObject *args)
{
    unsigned long long a, b;
    PyObject *object, *claims = NULL;
    Py_ssize_t place = 0;
    struct claim *c = NULL;
    if (!PyArg_ParseTuple(args, "KKO|On", &a, &b, &object, &claims, &place)) return NULL;
    if (claims && !(c = claim_at(claims, place))) return NULL;
    uint64_t header[2] = {a, b}, number;
    PyObject *none = queue_put(self, object, header, NO_DEADLINE, &number);
    if (!none) return NULL;
    Py_DECREF(none);
    if (c) {
        store_release(&c->flushed, 1); /* before `finished`: the slate holds nothing */
        store_release(&c->finished, 1);
        work_close(c);
    }
    return PyLong_FromUnsignedLongLong(number);
}

PyObject *fetched_exception(void)
{
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (value && trace) PyException_SetTraceback(value, trace);
    Py_XDECREF(type), Py_XDECREF(trace);
    return value;
}

static bool add_failure(PyObject *failures, uint64_t number)
{
    PyObject *row = Py_BuildValue("KN", (unsigned long long)number, fetched_exception());
    bool ok = row && PyList_Append(failures, row) == 0;
    Py_XDECREF(row);
    return ok;
}

static bool is_fatal(void) { return !PyErr_ExceptionMatches(PyExc_Exception); }

/* Publish up to BATCH objects of the list from `*i` on, and move `*i` behind what was published or left out. */
static bool send_batch(PyObject *self, const uint64_t header[2], PyObject *list, Py_ssize_t *i, PyObject *failures)
{
    struct sending s[BATCH];
    struct outgoing m[BATCH];
    uint32_t n = 0;
    uint64_t number;
    Py_ssize_t at = *i;
    bool going = true;
    for (; going && n < BATCH && at < PyList_Size(list); at++) {
        uint64_t numbers[2] = {header[0], header[1] + (uint64_t)at};
        PyObject *object = Py_NewRef(PyList_GetItem(list, at));
        bool ok = sending_begin(&s[n], object, numbers);
        Py_DECREF(object);
        if (ok) {
            m[n] = s[n].m;
            n++;
        } else {
            going = !is_fatal() && add_failure(failures, numbers[1]);
        }
    }
    outcome o = going && n ? queue_send(self, m, n, NO_DEADLINE, &number) : OK;
    for (uint32_t k = 0; k < n; k++) sending_end(&s[k], going && o == OK);
    if (!going) return false;
    if (o != OK) return raise_put(o) != NULL;
    *i = at;
    return true;
}

/* send_many(a, b, list, progress=None, failures=None): (a, b + i, list[i]) for every i.  What cannot be pickled is left
 * out, and (b + i, exception) appended to `failures`, which is returned.  After each batch `progress[0]` becomes the
 * next number to send: whatever is raised, one can go on from there. */
PyObject *rows_send_many(PyObject *self, PyObject *args)
{
    unsigned long long header[2];
    PyObject *list, *progress = NULL, *given = NULL;
    if (!PyArg_ParseTuple(args, "KKO!|O!O!", &header[0], &header[1], &PyList_Type, &list, &PyList_Type, &progress,
                          &PyList_Type, &given))
        return NULL;
    if (!queue_usable(self)) return NULL;
    PyObject *failures = given ? Py_NewRef(given) : PyList_New(0);
    uint64_t numbers[2] = {header[0], header[1]};
    for (Py_ssize_t i = 0; failures && i < PyList_Size(list);) {
        bool ok = send_batch(self, numbers, list, &i, failures);
        PyObject *next = ok && progress ? PyLong_FromUnsignedLongLong(numbers[1] + (uint64_t)i) : NULL;
        if (!ok || (progress && (!next || PyList_SetItem(progress, 0, next) < 0))) Py_CLEAR(failures);
    }
    return failures;
}

/* (a, b, items, ok, object); items is 0 if it is one object.  With ok False it is the exception that decoding raised;
 * many results come as a list, and ok is True or a list of the indexes of those that are failures or did not decode. */
static PyObject *received_row(struct receiving *r)
{
    uint64_t header[2] = {0, 0};
    PyObject *ok = NULL, *object;
    if (r->m.flags & MESSAGE_MANY) {
        object = received_many(r, header, &ok);
        if (!object) return NULL;
    } else {
        object = received_object(r, header);
        ok = Py_NewRef(object ? Py_True : Py_False);
        if (!object) object = fetched_exception();
    }
    return Py_BuildValue("KKINN", (unsigned long long)header[0], (unsigned long long)header[1],
                         message_items(r->m.flags, r->data), ok, object);
}

/* A message that somebody voided, or that its taker may not begin. */
static void discard(struct receiving *r)
{
    if (r->m.flags & MESSAGE_PARCEL) cell_detach(r->ref);
}

/* _receive(timeout=None, claims=None, place=0): raises queue.Empty at the deadline.  With a claim its first item is
 * begun. */
PyObject *rows_receive(PyObject *self, PyObject *args)
{
    PyObject *timeout = Py_None, *claims = Py_None;
    Py_ssize_t place = 0;
    int64_t deadline;
    struct receiving r;
    if (!PyArg_ParseTuple(args, "|OOn", &timeout, &claims, &place) || !queue_usable(self)) return NULL;
    if (!parse_timeout(timeout, &deadline)) return NULL;
    struct claim *claim = NULL;
    if (claims != Py_None && !(claim = claim_at(claims, place))) return NULL;
    for (;;) {
        outcome o = queue_receive(self, &r, claim, deadline);
        if (o != OK) return o == BUSY ? raise_get(o) : raise_outcome(o);
        if (!(r.m.flags & MESSAGE_VOID)) break;
        discard(&r);
    }
    if (claim && work_begin(claim, monotonic_ns()) != OK) { /* doomed: whoever did it sees to the message */
        discard(&r);
        return raise_outcome(E_CLOSED);
    }
    return received_row(&r);
}

static bool is_interrupt(PyObject *error)
{
    if (PyObject_IsInstance(error, PyExc_Exception) != 0 || !PyExceptionInstance_Check(error)) return false;
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    return true;
}

/* An interrupt that came while a row was unpickled belongs to this thread, not to that row alone: raise it as well. */
static bool raise_if_interrupt(PyObject *row)
{
    PyObject *ok = PyTuple_GetItem(row, 3), *object = PyTuple_GetItem(row, 4);
    if (ok == Py_True) return false;
    if (ok == Py_False) return is_interrupt(object);
    for (Py_ssize_t i = 0; i < PyList_Size(ok); i++)
        if (is_interrupt(PyList_GetItem(object, PyLong_AsSsize_t(PyList_GetItem(ok, i))))) return true;
    return false;
}

/* Append up to `limit` rows; waits for the first only. */
static bool receive_into(PyObject *list, PyObject *self, Py_ssize_t limit, int64_t deadline)
{
    struct receiving r;
    for (Py_ssize_t i = 0; i < limit; i++) {
        if (i > 0 && ring_empty(ring_of(self))) break;
        outcome o = queue_receive(self, &r, NULL, i ? 0 : deadline);
        if (o == BUSY || (o == E_CLOSED && i > 0)) break;
        PyObject *row = o == OK ? received_row(&r) : raise_outcome(o);
        bool ok = row && PyList_Append(list, row) == 0 && !raise_if_interrupt(row);
        Py_XDECREF(row);
        if (!ok) return false;
    }
    return true;
}

/* receive_many(limit, timeout=None, into=None): rows are appended to the list `into`, where they are safe whatever
 * is raised on the way back to the caller. */
PyObject *rows_receive_many(PyObject *self, PyObject *args)
{
    PyObject *timeout = Py_None, *into = Py_None;
    Py_ssize_t limit;
    int64_t deadline;
    if (!PyArg_ParseTuple(args, "n|OO", &limit, &timeout, &into) || !queue_usable(self)) return NULL;
    if (!parse_timeout(timeout, &deadline)) return NULL;
    PyObject *list = into == Py_None ? PyList_New(0) : Py_NewRef(into);
    if (list && !receive_into(list, self, limit, deadline)) Py_CLEAR(list);
    return list;
}
