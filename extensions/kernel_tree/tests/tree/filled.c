/* A function that is nowhere returns a structure, of which nothing is set. */
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
