/* A function that is nowhere returns a structure, of which nothing is set. */
#include <asm/bug.h>

struct part {
	int number;
	struct part *next;
};

struct part *toy_part(void);

void kfree(const void *block);

/* It is the driver's, as what nvmem_cell_read() returns. */
void freed(void)
{
	kfree(toy_part());
}

void freed_twice(void)
{
	void *part = toy_part();

	kfree(part);
	kfree(part);
}

int number(void)
{
	return toy_part()->number;
}

int nested(void)
{
	return toy_part()->next->number;
}

static struct part *kept;

/* The pointer is used long after it was read. */
int later(void)
{
	volatile int left;

	kept = toy_part()->next;
	for (left = 100; left > 0; left--)
		;
	return kept->number;
}

int toy_count(void);

/* What is checked is a stub's result. */
int checked(void)
{
	BUG_ON(toy_count() == 0);
	return 0;
}

void *__kmalloc_noprof(unsigned long size, unsigned int flags);
int toy_owns(int *number);

/* The function may free what it gets. */
void given(void)
{
	int *numbers = __kmalloc_noprof(40, 0xcc0);

	if (numbers)
		toy_owns(numbers + 2);
}

struct part *toy_find_part(void);
struct part *toy_next_part(void);

/* A function that searches finds nothing. */
int found(void)
{
	return toy_find_part() != 0;
}

/* What gives a structure at each call has given all at some time. */
int taken(void)
{
	int count = 0;

	while (toy_next_part())
		count++;
	return count;
}

/* More than what a stub returned. */
int beyond(void)
{
	volatile int *numbers = (int *)toy_part();
	int at;

	for (at = 0; at < 8192; at++)
		numbers[at] = at;
	return 0;
}
