#pragma once
struct list_head {
	struct list_head *next, *prev;
};
#define LIST_HEAD_INIT(head) { &(head), &(head) }
static inline void list_add_tail(struct list_head *added, struct list_head *head)
{
	added->prev = head->prev;
	added->next = head;
	head->prev->next = added;
	head->prev = added;
}
static inline void list_del(struct list_head *gone)
{
	gone->next->prev = gone->prev;
	gone->prev->next = gone->next;
}
