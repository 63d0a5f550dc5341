#ifndef DMALAB_LINUX_LIST_H
#define DMALAB_LINUX_LIST_H

#include <linux/kernel.h>

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(name) { &(name), &(name) }
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

DMALAB_INLINE void INIT_LIST_HEAD(struct list_head *list)
{
	list->next = list;
	list->prev = list;
}

DMALAB_INLINE void dmalab_list_link(struct list_head *node, struct list_head *prev, struct list_head *next)
{
	next->prev = node;
	node->next = next;
	node->prev = prev;
	prev->next = node;
}

DMALAB_INLINE void list_add(struct list_head *node, struct list_head *head)
{
	dmalab_list_link(node, head, head->next);
}

DMALAB_INLINE void list_add_tail(struct list_head *node, struct list_head *head)
{
	dmalab_list_link(node, head->prev, head);
}

DMALAB_INLINE void list_del(struct list_head *node)
{
	node->next->prev = node->prev;
	node->prev->next = node->next;
	node->next = (struct list_head *)0xdead000000000100UL;
	node->prev = (struct list_head *)0xdead000000000122UL;
}

DMALAB_INLINE void list_del_init(struct list_head *node)
{
	node->next->prev = node->prev;
	node->prev->next = node->next;
	INIT_LIST_HEAD(node);
}

DMALAB_INLINE bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

DMALAB_INLINE void list_move(struct list_head *node, struct list_head *head)
{
	list_del_init(node);
	list_add(node, head);
}

DMALAB_INLINE void list_move_tail(struct list_head *node, struct list_head *head)
{
	list_del_init(node);
	list_add_tail(node, head);
}

/* All of a list comes before what is in the other, and the list is empty. */
DMALAB_INLINE void list_splice_init(struct list_head *list, struct list_head *head)
{
	if (list_empty(list))
		return;
	list->prev->next = head->next;
	head->next->prev = list->prev;
	list->next->prev = head;
	head->next = list->next;
	INIT_LIST_HEAD(list);
}

DMALAB_INLINE void list_splice_tail_init(struct list_head *list, struct list_head *head)
{
	list_splice_init(list, head->prev);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_first_entry_or_null(head, type, member) \
	(list_empty(head) ? (type *)NULL : list_first_entry(head, type, member))
#define list_next_entry(pos, member) list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_for_each_entry(pos, head, member)                                 \
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member);       \
	     &(pos)->member != (head); (pos) = list_next_entry(pos, member))
#define list_for_each_entry_reverse(pos, head, member)                         \
	for ((pos) = list_entry((head)->prev, __typeof__(*(pos)), member);      \
	     &(pos)->member != (head);                                          \
	     (pos) = list_entry((pos)->member.prev, __typeof__(*(pos)), member))
#define list_for_each_entry_safe(pos, n, head, member)                         \
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member),       \
	    (n) = list_next_entry(pos, member);                                \
	     &(pos)->member != (head); (pos) = (n), (n) = list_next_entry(n, member))

#endif
