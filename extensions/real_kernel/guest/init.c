/*
 * The only program of the guest: process 1 of a kernel that `dmalab kernel` boots.
 *
 * Reads /plan, one directive a line, and writes what the kernel answered into the memory of an
 * ivshmem device, which the host reads after the guest has powered off. Needs no shell, no library
 * and no module of its own. Built with `cc -static -O1`.
 *
 * Directives (fields are separated by one blank; the last one takes the rest of the line):
 *   module PATH [PARAMETERS]   load a module
 *   write PATH TEXT            write TEXT to a file of sysfs or tracefs
 *   probe TEXT[<tab>TEXT]...   append the first TEXT that the kernel takes to dynamic_events; in it
 *                              {STRUCT.MEMBER} is a member's offset in bytes, {STRUCT} a size (both
 *                              can be added up with +), {FUNCTION:ARGUMENT} an argument's place, and
 *                              {FUNCTION@OTHER} of several functions with a name the nearest to OTHER
 *   await PATH                 wait until PATH exists, for ten seconds at most
 *   island ID PAGES            PAGES physically contiguous pages, above all islands before it
 *   domain TYPE PORT           give the groups of the NVMe controllers below a PCI port this type of domain
 *   controllers                bind the driver to every NVMe controller, in the order of their addresses
 *   controllers unbind         unbind it from all of them
 *   disk ID SERIAL             open the disk of a controller for direct I/O
 *   limits ID                  report the limits of the disk's request queue
 *   queue ID NAME TEXT         write a setting of the disk's request queue
 *   io ID DEVICE OP BYTE BYTES PIECES  submit; a piece is ISLAND:OFFSET:LENGTH, joined by commas
 *   command ID DEVICE OPCODE NSID CDW10 CDW11 CDW12 CDW13 CDW14 CDW15 PIECES METADATA
 *   wait ID                    wait for an io and report its result
 *   release ADDRESS            unbind the driver that a PCI device may have
 *   bind ADDRESS               bind a PCI device to a loaded driver, and report the driver
 *   unbind ADDRESS             unbind its driver
 *   remove MODULE              unload a module
 *   below ID ADDRESS           open the disk below a PCI device for direct I/O
 *   close ID                   close a disk
 *   echo ID ADDRESS BYTES      send an ICMP echo of BYTES through the interface of a PCI device
 *   suspend ID                 suspend and resume all devices, by the kernel's test of suspend
 *   pause MS                   wait
 *   symbols NAME MODULE        report the addresses of a module's functions
 *   cat NAME PATH              report a file
 *   dmesg NAME                 report the kernel's log
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <linux/nvme_ioctl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, HUGE = 2 << 20, MAX_ISLANDS = 65536, MAX_IOS = 65536, MAX_DEVICES = 64, MAX_PIECES = 1024 };

/* The report: its length in the first eight bytes, then its text. */
static char *report;
static uint64_t report_size, report_used;

static void put(const char *bytes, uint64_t size)
{
	if (report == NULL || report_used + size > report_size - 8) {
		if (write(1, bytes, size) < 0) _exit(1);
		return;
	}
	memcpy(report + 8 + report_used, bytes, size);
	report_used += size;
	*(volatile uint64_t *)report = report_used;
}

static void say(const char *format, ...)
{
	char line[4096];
	va_list values;
	va_start(values, format);
	int size = vsnprintf(line, sizeof line, format, values);
	va_end(values);
	if (size > 0) put(line, size < (int)sizeof line ? size : (int)sizeof line - 1);
}

static int write_text(const char *path, const char *text, int flags)
{
	int fd = open(path, O_WRONLY | flags);
	if (fd < 0) return errno;
	ssize_t size = (ssize_t)strlen(text);
	int error = write(fd, text, size) == size ? 0 : errno;
	close(fd);
	return error;
}

static int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY);
	if (fd < 0) return -1;
	ssize_t got = read(fd, text, size - 1);
	close(fd);
	text[got < 0 ? 0 : got] = 0;
	return got < 0 ? -1 : 0;
}

/* Memory of a device that is not write-combined allows arm64 no unaligned access. */
#ifdef __aarch64__
#define REPORT_MEMORY "resource2_wc"
#else
#define REPORT_MEMORY "resource2"
#endif

/* Finds the ivshmem device by its ids and maps its memory. */
static void map_report(void)
{
	DIR *devices = opendir("/sys/bus/pci/devices");
	struct dirent *entry;
	while (devices != NULL && (entry = readdir(devices)) != NULL) {
		char path[512], text[32];
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/vendor", entry->d_name);
		if (read_text(path, text, sizeof text) != 0 || strncmp(text, "0x1af4", 6) != 0) continue;
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/device", entry->d_name);
		if (read_text(path, text, sizeof text) != 0 || strncmp(text, "0x1110", 6) != 0) continue;
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/enable", entry->d_name);
		write_text(path, "1", 0);
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/" REPORT_MEMORY, entry->d_name);
		int fd = open(path, O_RDWR);
		struct stat stat;
		if (fd < 0 || fstat(fd, &stat) != 0) continue;
		void *memory = mmap(NULL, stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		if (memory == MAP_FAILED) continue;
		report = memory;
		report_size = stat.st_size;
		*(volatile uint64_t *)report = 0;
	}
	if (devices != NULL) closedir(devices);
}

/* Physically contiguous memory: huge pages, by their physical addresses. */
struct huge { uint64_t phys; char *virt; };
static struct huge *huges;
static size_t huge_count;
static size_t next_huge, next_page;

static uint64_t phys_of(int pagemap, const void *virt)
{
	uint64_t entry = 0;
	if (pread(pagemap, &entry, 8, (uintptr_t)virt / PAGE * 8) != 8) return 0;
	return (entry & ((1ULL << 55) - 1)) * PAGE;
}

static int by_phys(const void *a, const void *b)
{
	const struct huge *x = a, *y = b;
	return x->phys < y->phys ? -1 : x->phys > y->phys;
}

static void take_huge_pages(void)
{
	char text[64];
	if (read_text("/proc/sys/vm/nr_hugepages", text, sizeof text) != 0) return;
	size_t count = strtoul(text, NULL, 10);
	huges = calloc(count + 1, sizeof *huges);
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	for (size_t index = 0; index < count; index++) {
		char *virt = mmap(NULL, HUGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
		if (virt == MAP_FAILED) break;
		memset(virt, (int)index + 1, HUGE);
		huges[huge_count++] = (struct huge){ phys_of(pagemap, virt), virt };
	}
	close(pagemap);
	qsort(huges, huge_count, sizeof *huges, by_phys);
}

struct island { uint64_t phys; size_t pages; };
static struct island islands[MAX_ISLANDS];

/* The user address of a physical page of the pool, or NULL. */
static char *virt_of(uint64_t phys)
{
	size_t low = 0, high = huge_count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (huges[middle].phys + HUGE <= phys) low = middle + 1;
		else high = middle;
	}
	if (low == huge_count || phys < huges[low].phys) return NULL;
	return huges[low].virt + (phys - huges[low].phys);
}

/*
 * An island lies behind the one before, with at least one page between. One that fits lies in one huge
 * page; a larger one begins with a huge page and goes on in those that follow it.
 */
static int place_island(unsigned id, size_t pages)
{
	const size_t per_huge = HUGE / PAGE;
	if (next_page != 0 && next_page + pages > per_huge) next_huge++, next_page = 0;
	for (; next_huge < huge_count; next_huge++, next_page = 0) {
		size_t have = per_huge - next_page;
		size_t end = next_huge;
		while (have < pages && end + 1 < huge_count &&
		       huges[end + 1].phys == huges[end].phys + HUGE) {
			end++;
			have += per_huge;
		}
		if (have < pages) continue;
		islands[id] = (struct island){ huges[next_huge].phys + next_page * PAGE, pages };
		size_t used = next_page + pages + 1;
		next_huge += used / per_huge;
		next_page = used % per_huge;
		/* A new huge page need not follow the last one: the gap is then there already. */
		return 0;
	}
	return ENOMEM;
}

/* The kernel's type information (BTF), for the offsets of members: they differ between releases. */
enum { BTF_STRUCT = 4, BTF_UNION = 5, BTF_FUNC = 12 };
struct btf_type { uint32_t name, info, size; };
static char *btf;
static const char *btf_names;
static struct btf_type **btf_types;
static uint32_t btf_count;

static unsigned btf_kind(const struct btf_type *type) { return type->info >> 24 & 0x1f; }
static unsigned btf_entries(const struct btf_type *type) { return type->info & 0xffff; }

/* Bytes that follow a type's head. */
static size_t btf_tail(const struct btf_type *type)
{
	switch (btf_kind(type)) {
	case 1: case 14: case 17: return 4;	/* integer, variable, tag of a declaration */
	case 3: return 12;			/* array */
	case 4: case 5: case 15: case 19: return 12 * btf_entries(type);
	case 6: case 13: return 8 * btf_entries(type);
	default: return 0;
	}
}

static void read_btf(void)
{
	enum { MOST = 64 << 20 };
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY);
	size_t size = 0;
	ssize_t got;
	if (fd < 0) return;
	btf = mmap(NULL, MOST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (btf == MAP_FAILED) btf = NULL;
	while (btf != NULL && size < MOST && (got = read(fd, btf + size, MOST - size)) > 0) size += got;
	close(fd);
	uint32_t head[6];
	if (btf == NULL || size < sizeof head) return;
	memcpy(head, btf, sizeof head);
	char *at = btf + head[1] + head[2], *end = at + head[3];
	btf_names = btf + head[1] + head[4];
	if (end > btf + size || head[1] + (uint64_t)head[4] + head[5] > size) return;
	btf_types = calloc(head[3] / sizeof(struct btf_type) + 2, sizeof *btf_types);
	for (btf_count = 1; at + sizeof(struct btf_type) <= end; btf_count++) {
		btf_types[btf_count] = (struct btf_type *)at;
		at += sizeof(struct btf_type) + btf_tail(btf_types[btf_count]);
	}
}

/* A member's offset in bytes, also of one in a structure without a name; -1 where there is none. */
static long offset_of(const struct btf_type *type, const char *member)
{
	const uint32_t *entry = (const uint32_t *)(type + 1);
	for (unsigned index = 0; index < btf_entries(type); index++, entry += 3) {
		long here = (type->info >> 31 ? entry[2] & 0xffffff : entry[2]) / 8;
		const char *name = btf_names + entry[0];
		if (strcmp(name, member) == 0) return here;
		const struct btf_type *inner = entry[1] < btf_count ? btf_types[entry[1]] : NULL;
		if (*name != 0 || inner == NULL) continue;
		if (btf_kind(inner) != BTF_STRUCT && btf_kind(inner) != BTF_UNION) continue;
		long below = offset_of(inner, member);
		if (below >= 0) return here + below;
	}
	return -1;
}

/* STRUCT.MEMBER, or STRUCT for its size; -1 for what the kernel does not have. Terms joined by + are added. */
static long layout_of(const char *name)
{
	char type[64], member[64] = "";
	const char *plus = strchr(name, '+');
	if (plus != NULL) {
		char first[130];
		snprintf(first, sizeof first, "%.*s", (int)(plus - name), name);
		long one = layout_of(first), other = layout_of(plus + 1);
		return one < 0 || other < 0 ? -1 : one + other;
	}
	if (btf == NULL) read_btf();
	if (sscanf(name, "%63[^.].%63s", type, member) < 1) return -1;
	for (uint32_t id = 1; id < btf_count; id++) {
		const struct btf_type *found = btf_types[id];
		if (btf_kind(found) != BTF_STRUCT || btf_entries(found) == 0) continue;
		if (strcmp(btf_names + found->name, type) != 0) continue;
		return *member == 0 ? (long)found->size : offset_of(found, member);
	}
	return -1;
}

/* How many arguments of a function are in registers. */
#if defined(__aarch64__) || defined(__riscv)
enum { ARGUMENTS = 8 };
#else
enum { ARGUMENTS = 6 };
#endif

/* FUNCTION:ARGUMENT, as a kprobe at the function's beginning finds it. */
static int place_of(const char *name, char *place, size_t size)
{
	char function[96], argument[32];
	if (btf == NULL) read_btf();
	if (sscanf(name, "%95[^:]:%31s", function, argument) != 2) return 0;
	for (uint32_t id = 1; id < btf_count; id++) {
		const struct btf_type *found = btf_types[id];
		if (btf_kind(found) != BTF_FUNC || strcmp(btf_names + found->name, function) != 0) continue;
		if (found->size >= btf_count) continue;
		const struct btf_type *proto = btf_types[found->size];
		const uint32_t *entry = (const uint32_t *)(proto + 1);
		for (unsigned index = 0; index < btf_entries(proto); index++, entry += 2) {
			if (strcmp(btf_names + entry[0], argument) != 0) continue;
			if (index < ARGUMENTS) snprintf(place, size, "$arg%u", index + 1);
			else snprintf(place, size, "$stack%u", index + 1 - ARGUMENTS);
			return 1;
		}
	}
	return 0;
}

/* The next line of the kernel's list of symbols: an address and a name; false at its end. */
static int next_symbol(FILE *list, unsigned long long *address, char *name)
{
	char line[512];
	while (fgets(line, sizeof line, list) != NULL)
		if (sscanf(line, "%llx %*c %95s", address, name) == 2) return 1;
	return 0;
}

/* FUNCTION@OTHER, as an offset to the kernel's first symbol, by which a kprobe finds it. */
static int nearest_symbol(const char *text, char *place, size_t size)
{
	char name[96], wanted[96], other[96];
	unsigned long long address, first = 0, at = 0, best = 0;
	if (sscanf(text, "%95[^@]@%95s", wanted, other) != 2) return 0;
	for (int pass = 0; pass < 2; pass++) {
		FILE *list = fopen("/proc/kallsyms", "r");
		if (list == NULL) return 0;
		while (next_symbol(list, &address, name)) {
			if (strcmp(name, "_text") == 0) first = address;
			if (pass == 0 && strcmp(name, other) == 0) at = address;
			if (pass == 0 || strcmp(name, wanted) != 0) continue;
			if (best == 0 || llabs((long long)(address - at)) < llabs((long long)(best - at))) best = address;
		}
		fclose(list);
		if (at == 0) return 0;
	}
	if (best == 0 || first == 0) return 0;
	snprintf(place, size, "_text+%llu", best - first);
	return 1;
}

/* Puts numbers, arguments and places in place of the names in braces. */
static int fill_in(const char *text, char *filled, size_t size)
{
	size_t used = 0;
	while (*text != 0 && used + 24 < size) {
		char name[130];
		if (*text != '{') {
			filled[used++] = *text++;
			continue;
		}
		if (sscanf(text, "{%129[^}]}", name) != 1) return EINVAL;
		text = strchr(text, '}') + 1;
		if (strpbrk(name, ":@") != NULL) {
			int (*find)(const char *, char *, size_t) = strchr(name, '@') != NULL ? nearest_symbol : place_of;
			if (!find(name, filled + used, size - used)) return ENOENT;
			used += strlen(filled + used);
			continue;
		}
		long value = layout_of(name);
		if (value < 0) return ENOENT;
		used += snprintf(filled + used, size - used, "%ld", value);
	}
	filled[used] = 0;
	return *text == 0 ? 0 : E2BIG;
}

struct io {
	struct iovec pieces[MAX_PIECES];
	int count;
	long result;
	int done, known;
	struct iocb control;
};
static struct io *ios[MAX_IOS];
static int devices[MAX_DEVICES];
static aio_context_t aio;

/* Cuts ISLAND:OFFSET:LENGTH,... into user memory; a piece that crosses huge pages becomes several. */
static int read_pieces(char *text, struct iovec *pieces, int *count)
{
	*count = 0;
	if (strcmp(text, "-") == 0) return 0;
	for (char *piece = strtok(text, ","); piece != NULL; piece = strtok(NULL, ",")) {
		unsigned long island, offset, length;
		if (sscanf(piece, "%lu:%lu:%lu", &island, &offset, &length) != 3) return EINVAL;
		if (island >= MAX_ISLANDS) return EINVAL;
		uint64_t phys = islands[island].phys + offset;
		while (length > 0) {
			char *virt = virt_of(phys);
			size_t here = HUGE - phys % HUGE;
			if (here > length) here = length;
			if (virt == NULL || *count == MAX_PIECES) return EFAULT;
			pieces[(*count)++] = (struct iovec){ virt, here };
			phys += here;
			length -= here;
		}
	}
	return 0;
}

static void collect(int block)
{
	struct io_event events[64];
	struct timespec limit = { 60, 0 }, none = { 0, 0 };
	long got = syscall(SYS_io_getevents, aio, block ? 1 : 0, 64, events, block ? &limit : &none);
	for (long index = 0; index < got; index++) {
		struct io *io = ios[events[index].data];
		io->result = (long)events[index].res;
		io->done = 1;
	}
	if (block && got <= 0) {
		say("timeout %ld\n", got);
		for (int id = 0; id < MAX_IOS; id++)
			if (ios[id] != NULL && !ios[id]->done) ios[id]->done = 1, ios[id]->result = -ETIMEDOUT;
	}
}

static void submit(char *rest)
{
	unsigned id, device;
	char op[32];
	unsigned long long byte, bytes;
	int used = 0;
	if (sscanf(rest, "%u %u %31s %llu %llu %n", &id, &device, op, &byte, &bytes, &used) < 5 ||
	    id >= MAX_IOS || device >= MAX_DEVICES) {
		say("bad io %s\n", rest);
		return;
	}
	struct io *io = ios[id] = calloc(1, sizeof *io);
	int error = read_pieces(rest + used, io->pieces, &io->count);
	say("io %u begins\n", id);
	if (error != 0) {
		io->done = 1, io->result = -error;
		return;
	}
	if (strcmp(op, "read") == 0 || strcmp(op, "write") == 0) {
		io->control = (struct iocb){
			.aio_data = id,
			.aio_lio_opcode = op[0] == 'r' ? IOCB_CMD_PREADV : IOCB_CMD_PWRITEV,
			.aio_fildes = devices[device],
			.aio_buf = (uintptr_t)io->pieces,
			.aio_nbytes = io->count,
			.aio_offset = (long long)byte,
		};
		struct iocb *list[1] = { &io->control };
		if (syscall(SYS_io_submit, aio, 1, list) != 1) io->done = 1, io->result = -errno;
		return;
	}
	uint64_t range[2] = { byte, bytes };
	int result = 0;
	if (strcmp(op, "discard") == 0) result = ioctl(devices[device], BLKDISCARD, range);
	else if (strcmp(op, "write_zeroes") == 0) result = ioctl(devices[device], BLKZEROOUT, range);
	else if (strcmp(op, "flush") == 0) result = fsync(devices[device]);
	else result = -1, errno = EOPNOTSUPP;
	io->done = 1;
	io->result = result < 0 ? -errno : result;
}

static void command(char *rest)
{
	unsigned id, device, opcode, nsid, dwords[6];
	int used = 0;
	if (sscanf(rest, "%u %u %u %u %u %u %u %u %u %u %n", &id, &device, &opcode, &nsid, &dwords[0],
		   &dwords[1], &dwords[2], &dwords[3], &dwords[4], &dwords[5], &used) < 10 ||
	    id >= MAX_IOS || device >= MAX_DEVICES) {
		say("bad command %s\n", rest);
		return;
	}
	char *metadata = strchr(rest + used, ' ');
	if (metadata != NULL) *metadata++ = 0;
	struct io *io = ios[id] = calloc(1, sizeof *io);
	struct iovec second[MAX_PIECES];
	int seconds = 0;
	int error = read_pieces(rest + used, io->pieces, &io->count);
	if (error == 0 && metadata != NULL) error = read_pieces(metadata, second, &seconds);
	say("io %u begins\n", id);
	io->done = 1;
	if (error == 0 && (io->count > 1 || seconds > 1)) error = EOPNOTSUPP;
	if (error != 0) {
		io->result = -error;
		return;
	}
	struct nvme_passthru_cmd64 cmd = {
		.opcode = opcode, .nsid = nsid,
		.cdw10 = dwords[0], .cdw11 = dwords[1], .cdw12 = dwords[2],
		.cdw13 = dwords[3], .cdw14 = dwords[4], .cdw15 = dwords[5],
		.addr = (uintptr_t)(io->count ? io->pieces[0].iov_base : NULL),
		.data_len = io->count ? io->pieces[0].iov_len : 0,
		.metadata = (uintptr_t)(seconds ? second[0].iov_base : NULL),
		.metadata_len = seconds ? second[0].iov_len : 0,
	};
	int result = ioctl(devices[device], NVME_IOCTL_IO64_CMD, &cmd);
	io->result = result < 0 ? -errno : result;
}

static int await(const char *path)
{
	for (int tries = 0; tries < 1000; tries++) {
		if (access(path, F_OK) == 0) return 1;
		nanosleep(&(struct timespec){ 0, 10 * 1000 * 1000 }, NULL);
	}
	say("missing %s\n", path);
	return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Unbinds the driver from every NVMe controller, and binds it again if asked. */
static void each_controller(int binds)
{
	struct dirent **names;
	int count = scandir("/sys/bus/pci/devices", &names, NULL, by_name);
	for (int index = 0; index < count; index++) {
		char path[512], text[32];
		const char *name = names[index]->d_name;
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/class", name);
		if (read_text(path, text, sizeof text) != 0 || strncmp(text, "0x010802", 8) != 0) continue;
		write_text("/sys/bus/pci/drivers/nvme/unbind", name, 0);
		if (!binds) continue;
		int error = write_text("/sys/bus/pci/drivers/nvme/bind", name, 0);
		if (error != 0) say("refused bind %d %s\n", error, name);
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/nvme", name);
		await(path);
	}
}

/* Whether an entry of a folder of sysfs is below a PCI device. */
static int is_below(const char *folder, const char *name, const char *address)
{
	char path[512], real[PATH_MAX], part[64];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	snprintf(part, sizeof part, "/%s/", address);
	return realpath(path, real) != NULL && strstr(real, part) != NULL;
}

/* Has to come before the controllers are bound. */
static void set_domains(const char *type, const char *port)
{
	struct dirent **names;
	int count = scandir("/sys/bus/pci/devices", &names, NULL, by_name), error = ENODEV;
	for (int index = 0; index < count; index++) {
		char path[512], text[32];
		const char *name = names[index]->d_name;
		if (!is_below("/sys/bus/pci/devices", name, port)) continue;
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/class", name);
		if (read_text(path, text, sizeof text) != 0 || strncmp(text, "0x010802", 8) != 0) continue;
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/iommu_group/type", name);
		error = write_text(path, type, 0);
	}
	if (error != 0) say("refused domain %d %s %s\n", error, type, port);
}

/* Files of the queue's folder that hold one word, one line each. */
static void say_limits(unsigned id, const char *name)
{
	char path[512], text[256];
	snprintf(path, sizeof path, "/sys/block/%s/queue", name);
	struct dirent **names;
	int count = scandir(path, &names, NULL, by_name);
	for (int index = 0; index < count; index++) {
		if (names[index]->d_type != DT_REG) continue;
		snprintf(path, sizeof path, "/sys/block/%s/queue/%s", name, names[index]->d_name);
		if (read_text(path, text, sizeof text) != 0) continue;
		text[strcspn(text, "\n")] = 0;
		say("limit %u %s %s\n", id, names[index]->d_name, text);
	}
}

static char disk_names[MAX_DEVICES][264];

/* The name of the controller with this serial number: nvme0; false while no controller has it. */
static int find_controller(const char *serial, char *found, size_t size)
{
	struct dirent **names;
	int count = scandir("/sys/class/nvme", &names, NULL, by_name);
	for (int index = 0; index < count; index++) {
		const char *name = names[index]->d_name;
		char path[512], text[256];
		snprintf(path, sizeof path, "/sys/class/nvme/%s/serial", name);
		if (read_text(path, text, sizeof text) != 0) continue;
		if (strncmp(text, serial, strlen(serial)) != 0 || strchr(" \n", text[strlen(serial)]) == NULL) continue;
		snprintf(found, size, "%s", name);
		return 1;
	}
	return 0;
}

/* The driver identifies a controller after it was bound: its serial number appears later. */
static void open_disk(unsigned id, const char *serial)
{
	char name[256], path[512], text[256], address[256];
	int tries = 0;
	while (!find_controller(serial, name, sizeof name)) {
		if (++tries == 1000) {
			say("missing disk %s\n", serial);
			return;
		}
		nanosleep(&(struct timespec){ 0, 10 * 1000 * 1000 }, NULL);
	}
	snprintf(disk_names[id], sizeof disk_names[id], "%sn1", name);
	snprintf(path, sizeof path, "/dev/%s", disk_names[id]);
	if (!await(path)) return;
	/* The node is there before the disk is (ENXIO). */
	for (tries = 0; tries < 1000; tries++) {
		devices[id] = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
		if (devices[id] >= 0 || errno != ENXIO) break;
		nanosleep(&(struct timespec){ 0, 10 * 1000 * 1000 }, NULL);
	}
	if (devices[id] < 0) {
		say("refused open %d %s\n", errno, path);
		return;
	}
	snprintf(path, sizeof path, "/sys/class/nvme/%s/address", name);
	if (read_text(path, address, sizeof address) != 0) strcpy(address, "?");
	address[strcspn(address, "\n")] = 0;
	snprintf(path, sizeof path, "/sys/class/nvme/%s/device/iommu_group/type", name);
	if (read_text(path, text, sizeof text) != 0) strcpy(text, "none");
	text[strcspn(text, "\n")] = 0;
	say("disk %u %s %s %s\n", id, name, address, text);
}

static void cat(const char *name, const char *path)
{
	static char block[1 << 20];
	int fd = open(path, O_RDONLY);
	say("file %s %d\n", name, fd < 0 ? errno : 0);
	if (fd < 0) return;
	ssize_t got;
	char last = '\n';
	while ((got = read(fd, block, sizeof block)) > 0) {
		put(block, got);
		last = block[got - 1];
	}
	close(fd);
	if (last != '\n') say("\n");
	say("end %s\n", name);
}

static void log_of_kernel(const char *name)
{
	static char text[1 << 20];
	int got = (int)syscall(SYS_syslog, 3, text, (int)sizeof text);
	say("file %s 0\n", name);
	if (got > 0) put(text, got);
	say("end %s\n", name);
}

static void module(char *rest)
{
	char *parameters = strchr(rest, ' ');
	if (parameters != NULL) *parameters++ = 0;
	int fd = open(rest, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, parameters == NULL ? "" : parameters, 0) != 0) {
		if (errno != EEXIST) say("refused module %s %d\n", rest, errno);
	}
	if (fd >= 0) close(fd);
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000 * 1000 }, NULL);
}

/* The last part of the link NAME of a PCI device; false without that link. */
static int link_of(const char *address, const char *name, char *found, size_t size)
{
	char path[512], target[512];
	snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/%s", address, name);
	ssize_t got = readlink(path, target, sizeof target - 1);
	if (got <= 0) return 0;
	target[got] = 0;
	char *last = strrchr(target, '/');
	snprintf(found, size, "%s", last == NULL ? target : last + 1);
	return 1;
}

static int unbind_device(const char *address)
{
	char path[512];
	snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/driver/unbind", address);
	return write_text(path, address, 0);
}

static void bind_device(const char *address)
{
	char path[512], driver[512], domain[64];
	int error = write_text("/sys/bus/pci/drivers_probe", address, 0);
	if (!link_of(address, "driver", driver, sizeof driver)) {
		say("missing driver %d %s\n", error, address);
		return;
	}
	snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/iommu_group/type", address);
	if (read_text(path, domain, sizeof domain) != 0) strcpy(domain, "none");
	domain[strcspn(domain, "\n")] = 0;
	say("bound %s %s %s\n", address, driver, domain);
}

/* The first entry of a folder of sysfs that is below a PCI device; waits for it for 30 seconds. */
static int find_below(const char *folder, const char *address, char *found, size_t size)
{
	for (int tries = 0; tries < 3000; tries++) {
		struct dirent **names;
		int count = scandir(folder, &names, NULL, by_name), at = -1;
		for (int index = 0; index < count; index++) {
			if (at < 0 && is_below(folder, names[index]->d_name, address)) {
				at = index;
				snprintf(found, size, "%s", names[index]->d_name);
			}
			free(names[index]);
		}
		if (count >= 0) free(names);
		if (at >= 0) return 1;
		pause_ms(10);
	}
	say("missing %s %s\n", folder, address);
	return 0;
}

static void open_below(unsigned id, const char *address)
{
	char path[512];
	if (!find_below("/sys/block", address, disk_names[id], sizeof disk_names[id])) return;
	snprintf(path, sizeof path, "/dev/%s", disk_names[id]);
	if (!await(path)) return;
	for (int tries = 0; tries < 1000; tries++) {
		devices[id] = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
		if (devices[id] >= 0) break;
		pause_ms(10);
	}
	if (devices[id] < 0) say("refused open %d %s\n", errno, path);
}

/* Brings the interface of a PCI device up, with the guest's address in QEMU's user network. */
static int net_up(const char *address)
{
	static char up[64];
	struct ifreq request = { 0 };
	char path[512], text[32] = "";
	if (strcmp(up, address) == 0) return 0;
	if (!find_below("/sys/class/net", address, request.ifr_name, IFNAMSIZ)) return ENODEV;
	snprintf(path, sizeof path, "/sys/class/net/%s/carrier", request.ifr_name);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) return errno;
	struct sockaddr_in *place = (struct sockaddr_in *)&request.ifr_addr;
	place->sin_family = AF_INET;
	place->sin_addr.s_addr = inet_addr("10.0.2.15");
	int error = ioctl(fd, SIOCSIFADDR, &request) < 0 ? errno : 0;
	place->sin_addr.s_addr = inet_addr("255.255.255.0");
	if (error == 0 && ioctl(fd, SIOCSIFNETMASK, &request) < 0) error = errno;
	if (error == 0 && ioctl(fd, SIOCGIFFLAGS, &request) < 0) error = errno;
	request.ifr_flags |= IFF_UP;
	if (error == 0 && ioctl(fd, SIOCSIFFLAGS, &request) < 0) error = errno;
	close(fd);
	if (error != 0) return error;
	snprintf(up, sizeof up, "%s", address);
	for (int tries = 0; tries < 2000; tries++) {
		if (read_text(path, text, sizeof text) == 0 && text[0] == '1') return 0;
		pause_ms(10);
	}
	return ENETDOWN;
}

static uint16_t checksum(const uint8_t *bytes, size_t size)
{
	uint32_t sum = 0;
	for (size_t at = 0; at < size; at += 2) sum += bytes[at] << 8 | (at + 1 < size ? bytes[at + 1] : 0);
	while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* Sends an echo and waits for its answer; the number of bytes that came back, or a negative errno. */
static long echo(unsigned id, const char *address, size_t bytes)
{
	static uint8_t packet[1 << 16], answer[1 << 16];
	int error = net_up(address);
	if (error != 0) return -error;
	if (bytes > 60000) return -EINVAL;
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (fd < 0) return -errno;
	struct timeval limit = { 3, 0 };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	struct icmphdr *head = (struct icmphdr *)packet;
	memset(packet, (int)id, sizeof *head + bytes);
	*head = (struct icmphdr){ .type = ICMP_ECHO };
	head->un.echo.id = htons(7);
	head->un.echo.sequence = htons((uint16_t)id);
	head->checksum = checksum(packet, sizeof *head + bytes);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = inet_addr("10.0.2.2") };
	long result = -ETIMEDOUT;
	if (sendto(fd, packet, sizeof *head + bytes, 0, (struct sockaddr *)&to, sizeof to) < 0) result = -errno;
	else for (int tries = 0; tries < 64; tries++) {
		ssize_t got = recv(fd, answer, sizeof answer, 0);
		if (got < (ssize_t)(sizeof(struct iphdr) + sizeof *head)) break;
		size_t skip = (answer[0] & 0xf) * 4;
		const struct icmphdr *back = (const struct icmphdr *)(answer + skip);
		if (got < (ssize_t)(skip + sizeof *head) || back->type != ICMP_ECHOREPLY) continue;
		if (back->un.echo.sequence != head->un.echo.sequence) continue;
		result = got - (long)skip - (long)sizeof *head;
		break;
	}
	close(fd);
	return result;
}

/* Suspends and resumes the devices, as far as the kernel's own test of suspend goes. */
static long suspend_devices(void)
{
	int error = write_text("/sys/power/pm_test", "devices", 0);
	if (error == 0) error = write_text("/sys/power/state", "mem", 0);
	if (error == EINVAL) error = write_text("/sys/power/state", "freeze", 0);
	write_text("/sys/power/pm_test", "none", 0);
	return -error;
}

/* The lines of a module in the kernel's list of symbols: modules are at its end. */
static void say_symbols(const char *name, const char *module)
{
	char line[512], end[128];
	FILE *list = fopen("/proc/kallsyms", "r");
	snprintf(end, sizeof end, "\t[%s]\n", module);
	say("file %s %d\n", name, list == NULL ? errno : 0);
	if (list == NULL) return;
	while (fgets(line, sizeof line, list) != NULL) {
		size_t size = strlen(line), tail = strlen(end);
		if (size > tail && strcmp(line + size - tail, end) == 0) put(line, size);
	}
	fclose(list);
	say("end %s\n", name);
}

/* Directives about one PCI device and its driver; false for any other directive. */
static int run_device(const char *word, unsigned id, char *rest, char *second)
{
	if (strcmp(word, "release") == 0) unbind_device(rest);
	else if (strcmp(word, "bind") == 0) bind_device(rest);
	else if (strcmp(word, "unbind") == 0) {
		int error = unbind_device(rest);
		if (error != 0) say("refused unbind %d %s\n", error, rest);
		else say("unbound %s\n", rest);
	} else if (strcmp(word, "remove") == 0) {
		if (syscall(SYS_delete_module, rest, O_NONBLOCK) != 0) say("refused remove %d %s\n", errno, rest);
		else say("removed %s\n", rest);
	} else if (strcmp(word, "pause") == 0) pause_ms(id);
	else if (strcmp(word, "suspend") == 0) say("io %u ends %ld\n", id, suspend_devices());
	else if (strcmp(word, "close") == 0 && id < MAX_DEVICES) close(devices[id]);
	else if (second == NULL) return 0;
	else if (strcmp(word, "symbols") == 0) *second = 0, say_symbols(rest, second + 1);
	else if (strcmp(word, "below") == 0 && id < MAX_DEVICES) open_below(id, second + 1);
	else if (strcmp(word, "echo") == 0) {
		char address[64];
		unsigned long bytes;
		if (sscanf(second + 1, "%63s %lu", address, &bytes) != 2) return 0;
		say("io %u ends %ld\n", id, echo(id, address, bytes));
	} else return 0;
	return 1;
}

static void run(char *line)
{
	if (strcmp(line, "controllers") == 0 || strcmp(line, "controllers unbind") == 0) {
		each_controller(strchr(line, ' ') == NULL);
		return;
	}
	char *rest = strchr(line, ' ');
	if (rest == NULL) return;
	*rest++ = 0;
	char *second = strchr(rest, ' ');
	unsigned id = (unsigned)strtoul(rest, NULL, 10);
	if (run_device(line, id, rest, second)) return;
	if (strcmp(line, "module") == 0) module(rest);
	else if (strcmp(line, "io") == 0) submit(rest);
	else if (strcmp(line, "command") == 0) command(rest);
	else if (strcmp(line, "await") == 0) await(rest);
	else if (strcmp(line, "probe") == 0) {
		int error = 0;
		char *first = rest;
		for (char *text = strtok(rest, "\t"); text != NULL; text = strtok(NULL, "\t")) {
			static char filled[1 << 16];
			error = fill_in(text, filled, sizeof filled);
			if (error == 0) error = write_text("/sys/kernel/tracing/dynamic_events", filled, O_APPEND);
			if (error == 0) break;
		}
		if (error != 0) say("refused probe %d %s\n", error, first);
	} else if (strcmp(line, "dmesg") == 0) log_of_kernel(rest);
	else if (strcmp(line, "limits") == 0) {
		if (id < MAX_DEVICES) say_limits(id, disk_names[id]);
	} else if (strcmp(line, "wait") == 0) {
		if (id >= MAX_IOS || ios[id] == NULL) return;
		collect(0);
		while (!ios[id]->done) collect(1);
		say("io %u ends %ld\n", id, ios[id]->result);
	} else if (second == NULL) return;
	else if (*second++ = 0, strcmp(line, "write") == 0) {
		int error = write_text(rest, second, 0);
		if (error != 0) say("refused write %d %s %s\n", error, rest, second);
	} else if (strcmp(line, "island") == 0) {
		int error = id < MAX_ISLANDS ? place_island(id, strtoul(second, NULL, 10)) : EINVAL;
		say("island %u %llu %d\n", id, (unsigned long long)islands[id < MAX_ISLANDS ? id : 0].phys, error);
	} else if (strcmp(line, "domain") == 0) set_domains(rest, second);
	else if (strcmp(line, "disk") == 0 && id < MAX_DEVICES) open_disk(id, second);
	else if (strcmp(line, "queue") == 0 && id < MAX_DEVICES) {
		char *value = strchr(second, ' '), path[512];
		if (value == NULL) return;
		*value++ = 0;
		snprintf(path, sizeof path, "/sys/block/%s/queue/%s", disk_names[id], second);
		int error = write_text(path, value, 0);
		if (error != 0) say("refused queue %d %s %s\n", error, second, value);
	} else if (strcmp(line, "cat") == 0) cat(rest, second);
}

int main(void)
{
	mkdir("/proc", 0755), mkdir("/sys", 0755), mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	for (int id = 0; id < MAX_DEVICES; id++) devices[id] = -1;
	map_report();
	struct utsname name;
	uname(&name);
	say("kernel %s %s\n", name.release, name.machine);
	take_huge_pages();
	say("huge pages %zu\n", huge_count);
	syscall(SYS_io_setup, 1024, &aio);
	FILE *plan = fopen("/plan", "r");
	static char line[1 << 20];
	while (plan != NULL && fgets(line, sizeof line, plan) != NULL) {
		line[strcspn(line, "\n")] = 0;
		if (line[0] != '#' && line[0] != 0) run(line);
	}
	say("done\n");
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}
