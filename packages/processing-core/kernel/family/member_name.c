/* A name is several words, guarded by a sequence count: odd while it is written.
 *
 * Pairs: the writer's release fence stands between the odd count and the words, its releasing store of the even
 * count after them. The reader loads the count by acquire, the words, and after an acquire fence the count again:
 * the same even number says that no word is newer than the first load. A writer that was killed leaves the count
 * odd, and a reader gives up after some tries: the name may then be half of each, which does no harm, because names are
 * only used in messages. */
#include "family/member_name.h"
#include "platform/compiler.h"

#define TRIES 4

void member_name_write(struct member *m, const char *name)
{
    char text[NAME_SIZE] = {0};
    strncpy(text, name, NAME_SIZE - 1);
    uint64_t writing = load_relaxed(&m->name_count) | 1;
    store_relaxed(&m->name_count, writing);
    fence_release();
    for (int i = 0; i < NAME_WORDS; i++) {
        uint64_t word;
        memcpy(&word, text + 8 * i, sizeof word);
        store_relaxed(&m->name[i], word);
    }
    store_release(&m->name_count, writing + 1);
}

static bool read_once(struct member *m, char name[NAME_SIZE])
{
    uint64_t count = load_acquire(&m->name_count);
    for (int i = 0; i < NAME_WORDS; i++) {
        uint64_t word = load_relaxed(&m->name[i]);
        memcpy(name + 8 * i, &word, sizeof word);
    }
    fence_acquire();
    return !(count & 1) && load_relaxed(&m->name_count) == count;
}

void member_name_read(struct member *m, char name[NAME_SIZE])
{
    for (int i = 0; i < TRIES && !read_once(m, name); i++) cpu_relax();
    name[NAME_SIZE - 1] = 0;
}

/* What was read belongs to this member only if the owner is the same afterwards; the fence keeps the loads in this
 * order. */
bool member_identify(owner_id who, uint64_t *pid, char name[NAME_SIZE])
{
    struct member *m = arena_member(owner_slot(who));
    *pid = load_relaxed(&m->pid);
    member_name_read(m, name);
    fence_acquire();
    return who && load_relaxed(&m->owner) == (who & ~OWNER_FLAGS);
}

PyObject *member_name_decode(const char name[NAME_SIZE])
{
    return PyUnicode_DecodeUTF8(name, (Py_ssize_t)strnlen(name, NAME_SIZE), "replace");
}
