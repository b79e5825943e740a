/* Hypercalls through the page that Xen fills, the same for PV and PVH. Negative results are Xen's errno. */
#ifndef HYPERCALL_H
#define HYPERCALL_H
#include "lib.h"
#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

#define barrier() asm volatile("" ::: "memory")
#define memory_barrier() asm volatile("lock; addl $0, -4(%%rsp)" ::: "memory", "cc")

extern char hypercall_page[];

static inline long hypercall(unsigned number, unsigned long a, unsigned long b, unsigned long c,
                             unsigned long d) {
  long result = (long)(hypercall_page + number * 32);
  register unsigned long r10 asm("r10") = d;
  asm volatile("call *%%rax"
               : "+a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10)
               :
               : "rcx", "r8", "r9", "r11", "memory", "cc");
  return result;
}

static inline long call_event(int operation, void *argument) {
  return hypercall(__HYPERVISOR_event_channel_op, (unsigned long)operation,
                   (unsigned long)argument, 0, 0);
}
static inline long call_memory(int operation, void *argument) {
  return hypercall(__HYPERVISOR_memory_op, (unsigned long)operation, (unsigned long)argument, 0, 0);
}
static inline long call_sched(int operation, void *argument) {
  return hypercall(__HYPERVISOR_sched_op, (unsigned long)operation, (unsigned long)argument, 0, 0);
}
static inline long call_grant(unsigned operation, void *argument) {
  return hypercall(__HYPERVISOR_grant_table_op, operation, (unsigned long)argument, 1, 0);
}
static inline long call_hvm(int operation, void *argument) {
  return hypercall(__HYPERVISOR_hvm_op, (unsigned long)operation, (unsigned long)argument, 0, 0);
}

/* Ends the domain with a reason of sched.h. */
static inline void shut_down(unsigned reason) {
  struct sched_shutdown shutdown = {.reason = reason};
  call_sched(SCHEDOP_shutdown, &shutdown);
}
#endif
