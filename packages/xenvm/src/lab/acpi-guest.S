# Two sectors that are an operating system as far as a toolstack can see: it powers off when the power button is pressed, sleeps (S3) at the
# sleep button, goes on when it is woken, and says so on its serial port. At an NMI it ends its domain for the reason that REASON_OFFSET of its
# disk says (SCHEDOP_shutdown; a crash unless changed). It has no other Xen drivers. Ports and tables are found as ACPI has them (ACPI 6.4, 5.2.5
# RSDP, 5.2.9 FADT, 5.2.10 FACS, 4.8.3 PM1 registers); types of sleep are those of the DSDT of hvmloader and of QEMU's PIIX4.

        .set PM1_BUTTONS, 0x0300        # PWRBTN and SLPBTN, in status and enable alike
        .set PM1_SLEEP_BUTTON, 0x0200
        .set SLEEP_S3, 0x2400           # SLP_EN, type 1
        .set SLEEP_S5, 0x2000           # SLP_EN, type 0
        .set COM1, 0x3f8
        .set SECTOR, 512
        .set REASON_OFFSET, 508
        .set NMI_VECTOR, 2 * 4          # of real mode
        .set HYPERCALLS, 0x9000         # a page that nobody uses
        .set HYPERCALL_BYTES, 32        # of each entry in it (xen/include/public/arch-x86/xen.h)
        .set CPUID_HYPERCALLS, 0x40000002
        .set SCHED_OP, 29
        .set SCHEDOP_SHUTDOWN, 2
        .set SHUTDOWN_CRASH, 3
        .set PCI_ADDRESS, 0xcf8
        .set PCI_DATA, 0xcfc
        .set PM_BASE, 0x80000b40        # PMBASE and PMREGMISC of PIIX4's function 3, where QEMU has it: 00:01.3
        .set PM_MISC, 0x80000b80

        .code16
        .globl _start
_start: ljmp $0, $boot

boot:   xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movw $_start, %sp
        movw $0x0201, %ax               # reads one sector,
        movw $0x0002, %cx               # the second one of the drive in %dl
        movb $0, %dh
        movw $_start + SECTOR, %bx
        int $0x13
        cli
        lgdtl gdtr
        movl %cr0, %eax
        orb $1, %al
        movl %eax, %cr0
        movw $8, %bx
        movw %bx, %fs                   # keeps its limit of 4 GiB back in real mode
        andb $0xfe, %al
        movl %eax, %cr0
        ljmp $0, $find

find:   movl $0xdfff0, %esi
1:      addl $16, %esi
        cmpl $0x20445352, %fs:(%esi)    # "RSD "
        jne 1b
        cmpl $0x20525450, %fs:4(%esi)   # "PTR "
        jne 1b
        movl %fs:16(%esi), %ebx         # RSDT
        addl $32, %ebx
2:      addl $4, %ebx
        movl %fs:(%ebx), %ebp
        cmpl $0x50434146, %fs:(%ebp)    # "FACP"
        jne 2b
        movw %fs:56(%ebp), %ax
        movw %ax, events
        movw %fs:64(%ebp), %ax
        movw %ax, control
        movl %fs:36(%ebp), %ebx         # FACS
        movl $woken, %fs:12(%ebx)
        call keep
        movw $up, %si
        jmp listen

        .balign 16
woken:  ljmp $0, $awake
awake:  cli
        xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %ss
        movw $_start, %sp
        call put_back
        movw $woke, %si

# Says what %si points to, and looks at the buttons with every tick of the timer, which has to be set up again after a sleep.
listen: movw $nmi, NMI_VECTOR
        movw $0, NMI_VECTOR + 2
        call say
        movb $0x34, %al
        outb %al, $0x43
        xorb %al, %al
        outb %al, $0x40
        outb %al, $0x40
        inb $0x21, %al
        andb $0xfe, %al
        outb %al, $0x21
        movw events, %dx
        addw $2, %dx
        movw $PM1_BUTTONS, %ax
        outw %ax, %dx
3:      sti
        hlt
        cli
        movw events, %dx
        inw %dx, %ax
        andw $PM1_BUTTONS, %ax
        jz 3b
        outw %ax, %dx                   # cleared by writing ones
        testw $PM1_SLEEP_BUTTON, %ax
        jnz sleep
        movw $off, %si
        call say
        movw $SLEEP_S5, %ax
        jmp 4f
sleep:  movw $asleep, %si
        call say
        movw $SLEEP_S3, %ax
4:      movw control, %dx
        outw %ax, %dx
        jmp 3b

say:    movw $COM1 + 5, %dx
5:      inb %dx, %al
        testb $0x20, %al
        jz 5b
        lodsb
        testb %al, %al
        jz 6f
        movw $COM1, %dx
        outb %al, %dx
        jmp say
6:      ret

up:     .asciz "ACPI-GUEST-UP\n"
asleep: .asciz "ACPI-GUEST-SLEEPS\n"
woke:   .asciz "ACPI-GUEST-WOKE\n"
off:    .asciz "ACPI-GUEST-OFF\n"
events: .word 0
control:
        .word 0
        .balign 8
gdt:    .quad 0
        .quad 0x00cf92000000ffff        # flat data
        .quad 0x00cf9a000000ffff        # flat code
gdtr:   .word 23
        .long gdt
        .org REASON_OFFSET
reason: .word SHUTDOWN_CRASH
        .word 0xaa55

# Where the PM1 control register is: set by hvmloader, forgotten when QEMU resets its devices at a wake-up, and put back by no firmware of
# Xen (SeaBIOS has it done at its resume on other machines: pci_resume). Without it a guest could sleep no more, and not power off.
keep:   movl $PM_BASE, %eax
        call select
        inl %dx, %eax
        movl %eax, pm_base
        movl $PM_MISC, %eax
        call select
        inb %dx, %al
        movb %al, pm_misc
        ret

put_back:
        movl $PM_BASE, %eax
        call select
        movl pm_base, %eax
        outl %eax, %dx
        movl $PM_MISC, %eax
        call select
        movb pm_misc, %al
        outb %al, %dx
        ret

select: movw $PCI_ADDRESS, %dx
        outl %eax, %dx
        movw $PCI_DATA, %dx
        ret

# Hypercalls are for protected mode, through a page that Xen fills in.
nmi:    movl $CPUID_HYPERCALLS, %eax
        cpuid
        movl %ebx, %ecx
        movl $HYPERCALLS, %eax
        xorl %edx, %edx
        wrmsr
        movl %cr0, %eax
        orb $1, %al
        movl %eax, %cr0
        ljmp $16, $end
        .code32
end:    movw $8, %ax
        movw %ax, %ds
        movw %ax, %ss
        movzwl reason, %eax
        movl %eax, shutdown
        movl $SCHEDOP_SHUTDOWN, %ebx
        movl $shutdown, %ecx
        movl $HYPERCALLS + SCHED_OP * HYPERCALL_BYTES, %eax
        call *%eax
        hlt

        .balign 4
shutdown:
        .long 0
pm_base:
        .long 0
pm_misc:
        .byte 0
        .org 2 * SECTOR
