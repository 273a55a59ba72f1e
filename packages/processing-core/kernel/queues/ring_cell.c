/* What a ring can do as a cell: see cells/kinds.h. */
#include "arena/heap.h"
#include "arena/journal.h"
#include "queues/ring.h"

static struct ring *ring_in(struct cell *cell) { return arena_at(load_relaxed(&cell->offset)); }

/* No reference to the ring is left: each step drops one message, or one segment. */
static bool end_step(struct cell *cell)
{
    struct ring *r = ring_in(cell);
    uint64_t at = load_relaxed(&r->get_segment), head = load_relaxed(&r->head);
    if (!at) return true;
    struct segment *s = segment_at(at);
    if (head < load_relaxed(&s->base)) head = load_relaxed(&s->base);
    while (head < load_relaxed(&r->tail) && head < load_relaxed(&s->end)) {
        struct message *m = message_at(s, head);
        if (m->size == MESSAGE_SKIP) break;
        uint64_t id;
        memcpy(&id, m + 1, sizeof id);
        head += aligned(m->size);
        if (!(m->flags & MESSAGE_PARCEL)) continue;
        tx_set(&r->head, head);
        cell_count(id, -1);
        return false;
    }
    tx_set(&r->get_segment, load_relaxed(&s->next));
    heap_give(at);
    return false;
}

static bool transfer_done(struct cell *cell, bool putting, uint64_t position)
{
    struct ring *r = ring_in(cell);
    return load_acquire(putting ? &r->tail : &r->head) > position;
}

static uint64_t blocks(struct cell *cell) { return load_relaxed(&ring_in(cell)->get_segment); }

static const char *verify_segment(struct segment *s, uint64_t position, uint64_t tail, count_reference count,
                                  void *counts)
{
    if (position < load_relaxed(&s->base)) position = load_relaxed(&s->base);
    while (position < tail && position < load_relaxed(&s->end)) {
        struct message *m = message_at(s, position);
        if (m->size == MESSAGE_SKIP) break;
        uint64_t id;
        memcpy(&id, m + 1, sizeof id);
        if (m->flags & MESSAGE_PARCEL && !count(counts, id)) return "a ring holds a stale parcel";
        position += aligned(m->size);
    }
    return NULL;
}

static const char *verify(struct cell *cell, count_reference count, void *counts)
{
    struct ring *r = ring_in(cell);
    const char *wrong = NULL;
    for (uint64_t at = load_relaxed(&r->get_segment); at && !wrong; at = load_relaxed(&segment_at(at)->next))
        wrong = verify_segment(segment_at(at), load_relaxed(&r->head), load_relaxed(&r->tail), count, counts);
    return wrong;
}

static const struct cell_field fields[] = {{"max_items", offsetof(struct ring, max_items)},
                                           {"max_bytes", offsetof(struct ring, max_bytes)},
                                           {"state", offsetof(struct ring, state)},
                                           {"closed_now", offsetof(struct ring, closed_now)},
                                           {"tail", offsetof(struct ring, tail)},
                                           {"head", offsetof(struct ring, head)},
                                           {"puts", offsetof(struct ring, puts)},
                                           {"gets", offsetof(struct ring, gets)},
                                           {"not_empty", offsetof(struct ring, not_empty.parked)},
                                           {"not_full", offsetof(struct ring, not_full.parked)},
                                           {"all_finished", offsetof(struct ring, all_finished.parked)},
                                           {"put_weight", offsetof(struct ring, put_weight)},
                                           {"got_weight", offsetof(struct ring, got_weight)},
                                           {"finished", offsetof(struct ring, finished)},
                                           {NULL, 0}};
const struct cell_ops ring_ops = {
    .end_step = end_step, .transfer_done = transfer_done, .blocks = blocks, .verify = verify, .fields = fields};
