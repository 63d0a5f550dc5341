/* Functions that are nowhere: what the driver uses of them is unset. */
struct part {
	int number;
	struct part *next;
};

struct part *toy_part(void);
int toy_fill(struct part **out);

int unset(void)
{
	struct part *part = 0;

	toy_fill(&part);
	return part->number;
}

int null(void)
{
	return toy_part()->number;
}
