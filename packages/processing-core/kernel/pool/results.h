/* What a receiver makes of a message of tasks or results. */
#ifndef PROCESSING_RESULTS_H
#define PROCESSING_RESULTS_H

#include "queues/messages.h"

/* (job_id, index, items, ok, object); items is 0 if it is one object. With ok False it is the exception that
 * decoding raised; many results come as a list, and ok is True or a list of the indexes of those that are failures
 * or did not decode. An interrupt that comes meanwhile is kept in `*interrupt`; with NULL it fails the decoding. */
PyObject *received_row(struct receiving *r, PyObject **interrupt);

#endif
