/* Queues of packets, each with its lock. The tree's own inline functions link and unlink. */
#include <linux/export.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>

/* A step with the queue's lock held. */
#define LOCKED(queue, step) do { \
	unsigned long state; \
	spin_lock_irqsave(&(queue)->lock, state); \
	step; \
	spin_unlock_irqrestore(&(queue)->lock, state); \
} while (0)

void skb_queue_head(struct sk_buff_head *queue, struct sk_buff *skb)
{
	LOCKED(queue, __skb_queue_head(queue, skb));
}
EXPORT_SYMBOL(skb_queue_head);

void skb_queue_tail(struct sk_buff_head *queue, struct sk_buff *skb)
{
	LOCKED(queue, __skb_queue_tail(queue, skb));
}
EXPORT_SYMBOL(skb_queue_tail);

struct sk_buff *skb_dequeue(struct sk_buff_head *queue)
{
	struct sk_buff *skb;

	LOCKED(queue, skb = __skb_dequeue(queue));
	return skb;
}
EXPORT_SYMBOL(skb_dequeue);

struct sk_buff *skb_dequeue_tail(struct sk_buff_head *queue)
{
	struct sk_buff *skb;

	LOCKED(queue, skb = __skb_dequeue_tail(queue));
	return skb;
}
EXPORT_SYMBOL(skb_dequeue_tail);

void skb_unlink(struct sk_buff *skb, struct sk_buff_head *queue)
{
	LOCKED(queue, __skb_unlink(skb, queue));
}
EXPORT_SYMBOL(skb_unlink);

void skb_append(struct sk_buff *old, struct sk_buff *skb, struct sk_buff_head *queue)
{
	LOCKED(queue, __skb_queue_after(queue, old, skb));
}
EXPORT_SYMBOL(skb_append);

void skb_queue_purge_reason(struct sk_buff_head *queue, enum skb_drop_reason reason)
{
	struct sk_buff *skb;

	while ((skb = skb_dequeue(queue)))
		kfree_skb_reason(skb, reason);
}
EXPORT_SYMBOL(skb_queue_purge_reason);
