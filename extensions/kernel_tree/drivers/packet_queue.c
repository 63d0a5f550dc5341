/* Packets of the driver's own queues: their order, and what becomes of those that are left. */
#include <linux/slab.h>
#include <linux/skbuff.h>

/* A packet with a number in its first byte. */
static struct sk_buff *packet(u8 number)
{
	struct sk_buff *skb = alloc_skb(64, GFP_KERNEL);

	if (skb)
		*(u8 *)skb_put(skb, 1) = number;
	return skb;
}

static bool fill(struct sk_buff_head *queue, u8 first, u8 last)
{
	skb_queue_head_init(queue);
	for (u8 number = first; number <= last; number++) {
		struct sk_buff *skb = packet(number);

		if (!skb) {
			skb_queue_purge(queue);
			return false;
		}
		skb_queue_tail(queue, skb);
	}
	return true;
}

/* Takes the packets out: their numbers as digits, the first one first. */
static int drain(struct sk_buff_head *queue)
{
	struct sk_buff *skb;
	int digits = 0;

	while ((skb = skb_dequeue(queue))) {
		digits = digits * 10 + skb->data[0];
		kfree_skb(skb);
	}
	return digits;
}

int packets_in_order(void)
{
	struct sk_buff_head queue;

	if (!fill(&queue, 1, 4))
		return -ENOMEM;
	return drain(&queue);
}

/* The last one goes to the front, the first one out, and another one behind the second. */
int packets_moved(void)
{
	struct sk_buff_head queue;
	struct sk_buff *first, *added;

	if (!fill(&queue, 1, 4))
		return -ENOMEM;
	skb_queue_head(&queue, skb_dequeue_tail(&queue));
	first = skb_peek(&queue)->next;
	added = packet(9);
	if (added)
		skb_append(first->next, added, &queue);
	skb_unlink(first, &queue);
	kfree_skb(first);
	return drain(&queue);
}

int packets_spliced(void)
{
	struct sk_buff_head queue, other;
	int length;

	if (!fill(&queue, 1, 2))
		return -ENOMEM;
	if (!fill(&other, 3, 5)) {
		skb_queue_purge(&queue);
		return -ENOMEM;
	}
	skb_queue_splice_tail_init(&other, &queue);
	length = 10 * skb_queue_len(&queue) + skb_queue_len(&other);
	return drain(&queue) == 12345 ? length : -EINVAL;
}

int packets_purged(void)
{
	struct sk_buff_head queue;

	if (!fill(&queue, 1, 4))
		return -ENOMEM;
	skb_queue_purge(&queue);
	return skb_queue_empty(&queue) && !skb_dequeue(&queue) && !skb_dequeue_tail(&queue);
}

/* Wrong: a packet that is on no queue is unlinked. */
int packet_unlinked_twice(void)
{
	struct sk_buff_head queue;
	struct sk_buff *skb;

	if (!fill(&queue, 1, 2))
		return -ENOMEM;
	skb = skb_peek(&queue);
	skb_unlink(skb, &queue);
	skb_unlink(skb, &queue);
	return 0;
}

/* Wrong: the queue's lock is held already. */
int packet_queued_under_lock(void)
{
	struct sk_buff_head queue;
	unsigned long flags;

	if (!fill(&queue, 1, 1))
		return -ENOMEM;
	spin_lock_irqsave(&queue.lock, flags);
	skb_queue_purge(&queue);
	spin_unlock_irqrestore(&queue.lock, flags);
	return 0;
}
