#include <linux/dma-mapping.h>
#include <linux/slab.h>

enum phase { IDLE, BUSY = 4 };

struct entry {
	dma_addr_t addr;
	u16 len;
};

struct queue {
	char name[8];
	enum phase phase;
	u32 ready : 1, depth : 7;
	s64 balance;
	struct queue *next;
	struct entry *entries;
	struct entry *freed;
	void (*done)(struct queue *q);
	union {
		u32 word;
		u8 bytes[4];
	};
	u32 table[3][1000];
};

static int calls = 3;
static struct queue *the_queue;

static void queue_done(struct queue *q)
{
	q->phase = IDLE;
}

static int entry_len(const struct entry *e)
{
	return e->len;
}

static int queue_fill(struct queue *q, u32 count)
{
	int sum = 0;
	u32 index;

	for (index = 0; index < count; index++) {
		struct entry *e = &q->entries[index];

		e->len = 16 * (index + 1);
		sum += e->len;
	}
	calls++;
	return sum;
}

int values_run(u32 count)
{
	struct queue *q = kzalloc(sizeof(*q), GFP_KERNEL);
	struct entry local = { .addr = 0x1000, .len = 7 };
	u32 unused = count * 2;
	struct queue *wild = (struct queue *)0x3333000UL;
	int sum;

	if (!q)
		return -ENOMEM;
	memcpy(q->name, "first", 6);
	q->phase = BUSY;
	q->ready = 1;
	q->depth = 77;
	q->balance = -5;
	q->next = q;
	q->entries = kcalloc(count, sizeof(*q->entries), GFP_KERNEL);
	q->freed = q->entries + count - 1;
	q->done = queue_done;
	q->word = 0x01020304;
	q->table[2][999] = 4;
	the_queue = q;
	sum = queue_fill(q, count) + entry_len(&local) + q->ready;
	if (wild == q)
		return unused;
	kfree(q->entries);
	q->freed = q->entries;
	q->done(q);
	kfree(q);
	the_queue = NULL;
	return sum;
}
