/*
 * doctor_limits.c - limits of a process, and of the system, on its memory.
 *
 * owns: nothing.
 * called from: tools/doctor_machine.c, tools/doctor_process.c.
 */
#include "tools/tool.h"
#include "tools/doctor.h"

#include "os/cgroup.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void address_space(const char *folder)
{
	static const char name[] = "Max address space";
	char path[PATH_MAX], text[8192], *line;
	enum look found;

	snprintf(path, sizeof(path), "%s/limits", folder);
	found = look_read(path, text, sizeof(text), NULL);
	line = found == LOOK_GOOD ? strstr(text, name) : NULL;
	if (line == NULL) {
		finding_add(FINDING_NOTE, "address-space", NULL, "%s %s", path,
			    look_text(found == LOOK_GOOD ? LOOK_WRONG : found));
		return;
	}
	line += sizeof(name) - 1;
	line += strspn(line, " ");
	line[strcspn(line, " \n")] = '\0';
	if (strcmp(line, "unlimited") == 0)
		finding_add(FINDING_OK, "address-space", NULL, "RLIMIT_AS: no limit");
	else
		finding_add(FINDING_NOTE, "address-space", "ulimit -v unlimited",
			    "RLIMIT_AS: %s bytes of addresses, of which reserved ones count", line);
}

static void say_limit(const char *name, uint64_t bytes)
{
	if (bytes != HM_CGROUP_UNLIMITED)
		finding_add(FINDING_NOTE, "control-group", NULL,
			    "the control group's %s is %llu bytes; hakmem's limit_soft follows it",
			    name, (unsigned long long)bytes);
}

static void control_group(const char *folder)
{
	static char self[PATH_MAX], root[PATH_MAX];
	struct hm_cgroup limits;

	if (!look_path(self, sizeof(self), "%s/cgroup", folder) ||
	    !look_path(root, sizeof(root), "%s", "/sys/fs/cgroup"))
		return;
	hm_cgroup_self = self;
	hm_cgroup_root = root;
	hm_cgroup_read(&limits);
	if (limits.malformed > 0)
		finding_add(FINDING_NOTE, "control-group", NULL,
			    "%u files of the control group hold no limit: they count as none",
			    limits.malformed);
	say_limit("memory.high", limits.high);
	say_limit("memory.max", limits.max);
	if (!limits.found)
		finding_add(FINDING_OK, "control-group", NULL, "no control group of version 2");
	else if (limits.high == HM_CGROUP_UNLIMITED && limits.max == HM_CGROUP_UNLIMITED)
		finding_add(FINDING_OK, "control-group", NULL,
			    "the control group sets no limit on memory");
}

bool doctor_map_count(unsigned long *out)
{
	enum look found = look_number("/proc/sys/vm/max_map_count", out);

	if (found == LOOK_GOOD)
		return true;
	finding_add(FINDING_NOTE, "mappings", NULL, "vm.max_map_count %s", look_text(found));
	return false;
}

void doctor_limits(const char *folder)
{
	address_space(folder);
	control_group(folder);
}
