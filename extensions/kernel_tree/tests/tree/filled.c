/* A function that is nowhere returns a structure, of which nothing is set. */
struct part {
	int number;
	struct part *next;
};

struct part *toy_part(void);

int number(void)
{
	return toy_part()->number;
}

int nested(void)
{
	return toy_part()->next->number;
}
