/*
 * Process 1 of a guest that asks VFIO's type 1 container what it answers to drawn calls.
 * Reads /plan, one directive a line, and writes an answer for each call to the second serial port.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#ifdef __aarch64__
#define OUT "/dev/ttyAMA0"
#else
#define OUT "/dev/ttyS1"
#endif
static FILE *out;
static char group_paths[3][64];
static const char *bdfs[] = { "0000:00:05.0", "0000:00:06.0", "0000:00:07.0" };

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	if (fd < 0) return errno;
	int err = write(fd, text, strlen(text)) < 0 ? errno : 0;
	close(fd);
	return err;
}

static void fail(const char *what) { fprintf(out, "problem %s: %s\n", what, strerror(errno)); fflush(out); sync(); reboot(RB_POWER_OFF); _exit(1); }

/* Locked pages of this process, in kilobytes. */
static long field_kb(const char *name)
{
	char text[4096]; int fd = open("/proc/self/status", O_RDONLY); ssize_t n = read(fd, text, sizeof text - 1); close(fd);
	if (n < 0) return -1;
	text[n] = 0; char *at = strstr(text, name); return at ? atol(at + strlen(name)) : -1;
}

struct region { char kind[8]; char *at; uint64_t bytes; };
static struct region regions[16];
static int container = -1, groups[3] = { -1, -1, -1 }, devices[3] = { -1, -1, -1 };

/* Each returns 0 or an errno. */
static int add_group(int id)
{
	if (groups[id] < 0) groups[id] = open(group_paths[id], O_RDWR);
	if (groups[id] < 0) return errno;
	return ioctl(groups[id], VFIO_GROUP_SET_CONTAINER, &container) ? errno : 0;
}

static int set_iommu(void) { return ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) ? errno : 0; }

static int open_device(int id)
{
	int fd = ioctl(groups[id], VFIO_GROUP_GET_DEVICE_FD, bdfs[id]);
	if (fd < 0) return errno;
	devices[id] = fd;
	return 0;
}

static int close_fd(int *fd)
{
	if (*fd < 0) return EBADF;
	close(*fd); *fd = -1;
	return 0;
}

static void open_container(void)
{
	container = open("/dev/vfio/vfio", O_RDWR);
	if (container < 0) fail("container");
	if ((errno = add_group(0))) fail("set container");
	if ((errno = set_iommu())) fail("set iommu");
	if ((errno = open_device(0))) fail("device");
}

static void make_region(int id, const char *kind, uint64_t pages)
{
	struct region *r = &regions[id]; snprintf(r->kind, sizeof r->kind, "%s", kind);
	r->bytes = pages * 4096;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS, prot = PROT_READ | PROT_WRITE, fd = -1; off_t off = 0;
	if (!strcmp(kind, "huge")) flags |= MAP_HUGETLB | (21 << MAP_HUGE_SHIFT);
	if (!strcmp(kind, "shared")) flags = MAP_SHARED | MAP_ANONYMOUS;
	if (!strcmp(kind, "none")) prot = PROT_NONE;
	if (!strcmp(kind, "bar")) {
		struct vfio_region_info info = { .argsz = sizeof info, .index = VFIO_PCI_BAR0_REGION_INDEX };
		if (ioctl(devices[0], VFIO_DEVICE_GET_REGION_INFO, &info)) fail("region info");
		uint16_t cmd;
		struct vfio_region_info conf = { .argsz = sizeof conf, .index = VFIO_PCI_CONFIG_REGION_INDEX };
		ioctl(devices[0], VFIO_DEVICE_GET_REGION_INFO, &conf);
		pread(devices[0], &cmd, 2, conf.offset + 4); cmd |= 2; pwrite(devices[0], &cmd, 2, conf.offset + 4);
		flags = MAP_SHARED; fd = devices[0]; off = info.offset;
	}
	/* Each region lies alone: what ends behind it meets no memory. */
	r->at = mmap((void *)(0x7000000000ull + ((uint64_t)id << 28)), r->bytes, prot, flags | MAP_FIXED_NOREPLACE, fd, off);
	if (r->at == MAP_FAILED) fail(kind);
	if (!strcmp(kind, "ro")) { memset(r->at, 1, r->bytes); mprotect(r->at, r->bytes, PROT_READ); }
}

static int tracing;
/* The events of the IOMMU since the last call. */
static void traced(void)
{
	static char text[1 << 20];
	if (!tracing) return;
	int fd = open("/trace/trace", O_RDONLY); size_t n = 0; ssize_t got;
	while (n < sizeof text - 1 && (got = read(fd, text + n, sizeof text - 1 - n)) > 0) n += got;
	close(fd); text[n] = 0;
	for (char *at = text; *at;) {
		char *end = strchr(at, '\n'); if (!end) break;
		*end = 0;
		char *colon = strstr(at, ": "); if (at[0] != '#' && colon) fprintf(out, "t %s\n", colon + 2);
		at = end + 1;
	}
	close(open("/trace/trace", O_WRONLY | O_TRUNC));
}

static void answer(char call, int ret, uint64_t value)
{
	traced();
	fprintf(out, "%c %d %llu %ld %ld\n", call, ret, (unsigned long long)value, field_kb("VmLck:"), field_kb("VmPin:"));
}

/* A bitmap of dirty pages as runs of set bits. */
static char bits[1 << 16];
static void answer_bits(char call, int ret, uint64_t value)
{
	fprintf(out, "%c %d %llu %ld %ld ", call, ret, (unsigned long long)value, field_kb("VmLck:"), field_kb("VmPin:"));
	int any = 0;
	for (uint64_t at = 0; at < 8 * sizeof bits;) {
		if (!(bits[at / 8] >> at % 8 & 1)) { at++; continue; }
		uint64_t end = at; while (end < 8 * sizeof bits && bits[end / 8] >> end % 8 & 1) end++;
		fprintf(out, "%s%llu+%llu", any ? "," : "", (unsigned long long)at, (unsigned long long)(end - at));
		any = 1; at = end;
	}
	fprintf(out, any ? "\n" : "-\n");
}

/* The frames of a part of a region: `offset:count:frame` for contiguous ones. */
static void frames(struct region *r, uint64_t offset, uint64_t bytes)
{
	static uint64_t entry[4096];
	if (!tracing || offset >= r->bytes || offset % 4096) return;
	uint64_t pages = (bytes < r->bytes - offset ? bytes : r->bytes - offset) / 4096;
	if (pages > 4096) pages = 4096;
	int fd = open("/proc/self/pagemap", O_RDONLY);
	if (pread(fd, entry, pages * 8, ((uintptr_t)r->at + offset) / 4096 * 8) != pages * 8) fail("pagemap");
	close(fd); fprintf(out, "p");
	for (uint64_t at = 0; at < pages;) {
		uint64_t frame = entry[at] >> 63 ? entry[at] & ((1ull << 55) - 1) : 0, end = at + 1;
		while (end < pages && frame && entry[end] >> 63 && (entry[end] & ((1ull << 55) - 1)) == frame + end - at) end++;
		if (frame) fprintf(out, " %llx:%llx:%llx", (unsigned long long)(offset / 4096 + at), (unsigned long long)(end - at), (unsigned long long)frame);
		at = end;
	}
	fprintf(out, "\n");
}

static void info(int ranges)
{
	char room[4096]; struct vfio_iommu_type1_info *i = (void *)room; memset(room, 0, sizeof room);
	i->argsz = sizeof room;
	int ret = ioctl(container, VFIO_IOMMU_GET_INFO, i) ? errno : 0;
	uint64_t avail = 0;
	if (!ret && (i->flags & VFIO_IOMMU_INFO_CAPS)) {
		for (uint32_t at = i->cap_offset; at; ) {
			struct vfio_info_cap_header *h = (void *)(room + at);
			if (h->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL) avail = ((struct vfio_iommu_type1_info_dma_avail *)h)->avail;
			if (ranges && h->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) {
				struct vfio_iommu_type1_info_cap_iova_range *c = (void *)h;
				for (uint32_t n = 0; n < c->nr_iovas; n++)
					fprintf(out, "range %llx %llx\n", (unsigned long long)c->iova_ranges[n].start, (unsigned long long)c->iova_ranges[n].end);
			}
			at = h->next;
		}
	}
	if (ranges) fprintf(out, "pgsizes %llx\n", (unsigned long long)i->iova_pgsizes);
	answer('i', ret, avail);
}

static void drop_caps(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];
	syscall(SYS_capget, &h, d);
	d[0].effective &= ~(1u << CAP_IPC_LOCK); d[0].permitted &= ~(1u << CAP_IPC_LOCK);
	if (syscall(SYS_capset, &h, d)) fail("capset");
}

static void call(char *line)
{
	unsigned long long a, b, c, d; unsigned id, flags; char kind[8];
	switch (line[0]) {
	case 'O': open_container(); info(1); break;
	case 'R': if (sscanf(line, "R %u %7s %llu", &id, kind, &a) == 3) make_region(id, kind, a); break;
	case 'C': drop_caps(); break;
	case 'T':
		mkdir("/trace", 0755); mount("tracefs", "/trace", "tracefs", 0, 0);
		if ((errno = write_text("/trace/events/iommu/enable", "1"))) fail("trace");
		if ((errno = write_text("/trace/events/intel_iommu/enable", "1"))) fprintf(out, "nointel\n");
		close(open("/trace/trace", O_WRONLY | O_TRUNC));
		tracing = 1; break;
	case 'l': {
		sscanf(line, "l %llu", &a); struct rlimit r = { a, a };
		r.rlim_max = RLIM_INFINITY;
		answer('l', setrlimit(RLIMIT_MEMLOCK, &r) ? errno : 0, 0); break;
	}
	case 'k': case 'K': {
		sscanf(line + 1, "%u %llx %llx", &id, &a, &b); char *at = regions[id].at + a;
		answer(line[0], (line[0] == 'k' ? mlock(at, b) : munlock(at, b)) ? errno : 0, 0); break;
	}
	case 'm': {
		sscanf(line, "m %llx %llx %u %llx %x", &a, &b, &id, &c, &flags);
		struct vfio_iommu_type1_dma_map m = { .argsz = sizeof m, .flags = flags, .iova = a, .size = b,
			.vaddr = (uint64_t)(id == 15 ? 0 : (uintptr_t)regions[id].at) + c };
		int ret = ioctl(container, VFIO_IOMMU_MAP_DMA, &m) ? errno : 0;
		if (id < 15) frames(&regions[id], c, b);
		answer('m', ret, 0); break;
	}
	case 'u': {
		sscanf(line, "u %llx %llx %x", &a, &b, &flags);
		struct vfio_iommu_type1_dma_unmap u = { .argsz = sizeof u, .flags = flags, .iova = a, .size = b };
		int ret = ioctl(container, VFIO_IOMMU_UNMAP_DMA, &u) ? errno : 0;
		answer('u', ret, u.size); break;
	}
	case 'i': info(0); break;
	case 'd': {
		sscanf(line, "d %llx %llx", &a, &b);
		if (munmap(regions[a].at + b, 4096)) fail("munmap");
		answer('d', 0, 0); break;
	}
	case 'z': {
		sscanf(line, "z %llx", &a);
		answer('z', madvise(regions[a].at, regions[a].bytes, MADV_DONTNEED) ? errno : 0, 0); break;
	}
	case 'o': container = open("/dev/vfio/vfio", O_RDWR); answer('o', container < 0 ? errno : 0, 0); break;
	case 'g': sscanf(line, "g %u", &id); answer('g', add_group(id), 0); break;
	case 'G': sscanf(line, "G %u", &id); answer('G', ioctl(groups[id], VFIO_GROUP_UNSET_CONTAINER) ? errno : 0, 0); break;
	case 'q': sscanf(line, "q %u", &id); answer('q', close_fd(&groups[id]), 0); break;
	case 's': answer('s', set_iommu(), 0); break;
	case 'v': sscanf(line, "v %u", &id); answer('v', open_device(id), 0); break;
	case 'V': sscanf(line, "V %u", &id); answer('V', close_fd(&devices[id]), 0); break;
	case 'c': answer('c', close_fd(&container), 0); break;
	/* E SRC DST: device 1 copies 4 bytes, SRC and DST addresses of the container. */
	case 'E': {
		static volatile uint32_t *bar; static volatile uint32_t *bar0;
		sscanf(line, "E %llx %llx", &a, &b);
		for (int d = 0; d < 2; d++) {
			volatile uint32_t **p = d ? &bar : &bar0;
			if (*p) continue;
			struct vfio_region_info info = { .argsz = sizeof info, .index = VFIO_PCI_BAR0_REGION_INDEX };
			if (ioctl(devices[d], VFIO_DEVICE_GET_REGION_INFO, &info)) fail("region info");
			uint16_t cmd; struct vfio_region_info conf = { .argsz = sizeof conf, .index = VFIO_PCI_CONFIG_REGION_INDEX };
			ioctl(devices[d], VFIO_DEVICE_GET_REGION_INFO, &conf);
			pread(devices[d], &cmd, 2, conf.offset + 4); cmd |= 6; pwrite(devices[d], &cmd, 2, conf.offset + 4);
			*p = mmap(0, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, devices[d], info.offset);
			if (*p == MAP_FAILED) fail("bar");
		}
		volatile uint64_t *dma = (void *)((char *)bar + 0x80);
		dma[0] = a; dma[1] = 0x40000; dma[2] = 4; dma[3] = 1; while (dma[3] & 1) usleep(1000);
		dma[0] = 0x40000; dma[1] = b; dma[2] = 4; dma[3] = 3; while (dma[3] & 1) usleep(1000);
		fprintf(out, "t peer: liveness %x\n", bar0[1]);
		answer('E', 0, 0); break;
	}
	case 'P': sscanf(line, "P %u %llx", &id, &a); *(uint32_t *)regions[id].at = a; answer('P', 0, 0); break;
	case 'b': {
		struct vfio_iommu_type1_dirty_bitmap p = { .argsz = sizeof p };
		sscanf(line, "b %x", &flags); p.flags = flags;
		answer('b', ioctl(container, VFIO_IOMMU_DIRTY_PAGES, &p) ? errno : 0, 0); break;
	}
	case 'B': {
		struct { struct vfio_iommu_type1_dirty_bitmap p; struct vfio_iommu_type1_dirty_bitmap_get get; } q = { 0 };
		sscanf(line, "B %llx %llx %llx %llx", &a, &b, &c, &d); memset(bits, 0, sizeof bits);
		q.p.argsz = sizeof q; q.p.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP;
		q.get.iova = a; q.get.size = b; q.get.bitmap.pgsize = c; q.get.bitmap.size = d; q.get.bitmap.data = (void *)bits;
		answer_bits('B', ioctl(container, VFIO_IOMMU_DIRTY_PAGES, &q) ? errno : 0, 0); break;
	}
	case 'U': {
		struct { struct vfio_iommu_type1_dma_unmap u; struct vfio_bitmap bitmap; } q = { 0 };
		sscanf(line, "U %llx %llx %x %llx %llx", &a, &b, &flags, &c, &d); memset(bits, 0, sizeof bits);
		q.u.argsz = sizeof q; q.u.flags = flags; q.u.iova = a; q.u.size = b;
		q.bitmap.pgsize = c; q.bitmap.size = d; q.bitmap.data = (void *)bits;
		int ret = ioctl(container, VFIO_IOMMU_UNMAP_DMA, &q) ? errno : 0;
		answer_bits('U', ret, q.u.size); break;
	}
	default: fprintf(out, "problem line %s\n", line);
	}
}

int main(void)
{
	mkdir("/proc", 0755); mkdir("/sys", 0755); mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, 0); mount("sysfs", "/sys", "sysfs", 0, 0); mount("dev", "/dev", "devtmpfs", 0, 0);
	out = fopen(OUT, "w");
	struct termios t; tcgetattr(fileno(out), &t); cfmakeraw(&t); tcsetattr(fileno(out), TCSANOW, &t);
	setvbuf(out, malloc(1 << 16), _IOFBF, 1 << 16);
	struct utsname u; uname(&u); fprintf(out, "release %s\n", u.release);
	FILE *mods = fopen("/modules", "r"); char line[512];
	while (mods && fgets(line, sizeof line, mods)) {
		line[strcspn(line, "\n")] = 0; char *params = strchr(line, ' '); if (params) *params++ = 0;
		int fd = open(line, O_RDONLY);
		if (fd < 0 || syscall(SYS_finit_module, fd, params ? params : "", 0)) fprintf(out, "module %s: %s\n", line, strerror(errno));
		close(fd);
	}
	char path[128], link[256];
	for (int id = 0; id < 3; id++) {
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/driver_override", bdfs[id]);
		if (id > 0 && access(path, F_OK)) break;
		if ((errno = write_text(path, "vfio-pci"))) fail("override");
		if ((errno = write_text("/sys/bus/pci/drivers_probe", bdfs[id]))) fail("probe");
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/iommu_group", bdfs[id]);
		ssize_t n = readlink(path, link, sizeof link - 1);
		if (n < 0) fail("iommu group");
		link[n] = 0; snprintf(group_paths[id], sizeof group_paths[id], "/dev/vfio%s", strrchr(link, '/'));
		fprintf(out, "group %d %s\n", id, group_paths[id]);
	}
	FILE *plan = fopen("/plan", "r");
	if (!plan) fail("plan");
	pid_t child = -1; 
	/* Each sequence runs in a process of its own. */
	char *text = malloc(64 << 20); size_t size = fread(text, 1, (64 << 20) - 1, plan); text[size] = 0;
	for (char *at = text; *at; ) {
		char *end = strchr(at, '\n'); if (!end) break;
		*end = 0;
		if (at[0] == 'W') { char p[200], v[64]; sscanf(at, "W %199s %63s", p, v); if ((errno = write_text(p, v))) fail(p); at = end + 1; continue; }
		if (at[0] == 'X') {
			/* Leaves free pages that lie alone. */
			char *m = mmap(0, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
			for (uint64_t page = 0; page < (64 << 20) / 4096; page += 2) madvise(m + page * 4096, 4096, MADV_DONTNEED);
			at = end + 1; continue;
		}
		if (at[0] != 'S') { at = end + 1; continue; }
		fprintf(out, "%s\n", at); fflush(out);
		child = fork();
		if (child == 0) {
			for (char *c = end + 1; *c && *c != 'S' && *c != 'W'; ) {
				char *e = strchr(c, '\n'); *e = 0; call(c); c = e + 1;
			}
			fflush(out); _exit(0);
		}
		int status; waitpid(child, &status, 0);
		if (status) { fprintf(out, "problem child %x\n", status); fflush(out); }
		at = end + 1;
	}
	fprintf(out, "end\n"); fflush(out); tcdrain(fileno(out)); sync();
	reboot(RB_POWER_OFF);
	return 0;
}
