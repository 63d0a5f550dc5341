/* Constants that headers need before C can compute them. */
#include <linux/spinlock.h>

int main(void)
{
	asm volatile("\n.ascii \"->SPINLOCK_SIZE %0 sizeof(spinlock_t)\"" : : "i"(sizeof(spinlock_t)));
	return 0;
}
