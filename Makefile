# SPDX-License-Identifier: GPL-2.0-only
#
# The front end for people: "make help" tells what there is.  kbuild reads Kbuild instead.

# The kernel to build the modules for
KDIR ?= /lib/modules/$(shell uname -r)/build

# By its own place, not $(PWD): that is wherever make was called from.
top := $(patsubst %/,%,$(dir $(realpath $(lastword $(MAKEFILE_LIST)))))
build := $(top)/build

# kbuild writes where its sources are.  With O= it gets a tree of links to write to.
objects := $(if $(O),$(abspath $(O)),$(top))

# ARCH, CROSS_COMPILE, LLVM, V, W, C and whatever else kbuild knows pass through from the command line or the environment.
# O= must not: the kernel has its own.
kbuild = $(MAKE) -C $(KDIR) M=$(objects) O=
userspace = $(MAKE) -C $(top)/userspace O=$(if $(O),$(objects)/userspace)

all: modules tools

modules modules_install: kernel-headers shadow
	+$(kbuild) $@

# Said here, since "make -C" would only say that a directory is not there.
kernel-headers:
	@test -e $(KDIR)/Makefile || { \
		echo 'No kernel headers in $(KDIR).' >&2; \
		echo 'Install those of the running kernel, or name others by KDIR=; for the guests: make images.' >&2; \
		exit 1; \
	}

shadow:
	$(if $(O),@$(top)/scripts/shadow-tree $(objects))

tools:
	+$(userspace)

include $(top)/scripts/install.mk

html:
	@$(top)/scripts/html

dtbs:
	+$(MAKE) -C $(top)/dts O=$(build)/dts

qemu:
	@$(top)/scripts/build-qemu

images:
	@$(top)/scripts/build-images

# All that the machines need, on a fresh Debian system too; in this order, whatever -j says
machines:
	@$(top)/scripts/setup
	@$(top)/scripts/build-qemu
	@$(top)/scripts/build-images

demo: machines
	@$(top)/scripts/demo

demo-rproc: machines
	@$(top)/scripts/demo --rproc

demo-rpmsg: machines
	@$(top)/scripts/demo --rpmsg

bench: machines
	@$(top)/scripts/bench

lint:
	@$(top)/scripts/setup
	@$(top)/scripts/lint

# These look for what is missing by themselves.
check nightly:
	@$(top)/scripts/$@

TIME ?= 600
fuzz:
	@$(top)/scripts/fuzz $(if $(COVERAGE),--coverage,$(TIME)) $(TARGET)

mutants:
	@$(top)/selftests/mutants/run

series:
	@$(top)/scripts/make-series

dist:
	@$(top)/scripts/dist

clean: shadow
	$(if $(wildcard $(KDIR)/Makefile),+$(kbuild) clean)
	+$(userspace) clean
	rm -rf $(build)/dts $(build)/html $(build)/html.doctrees $(build)/man $(build)/modules $(build)/tools-arm

distclean: clean
	rm -rf $(build)

help:
	@echo 'For this machine, or any that KDIR=, ARCH= and CROSS_COMPILE= describe:'
	@echo '  all              modules and tools (default)'
	@echo '  modules          the kernel modules; O=DIR puts what is built there; V=, W=, C= as in the kernel'
	@echo '  tools            sdm-test; SYSROOT=DIR holds libfdt for a cross compiler'
	@echo '  install          modules, programs with manual pages and udev rule, headers; DESTDIR=, PREFIX=/usr/local'
	@echo '                   install-modules, install-tools, install-headers: one of these; install-dkms: for dkms(8)'
	@echo '  uninstall        the same, away'
	@echo '  man              manual pages, to build/man'
	@echo '  html             the documents as HTML, to build/html'
	@echo '  dtbs             the device trees of slaves, to build/dts'
	@echo ''
	@echo 'For the emulated machines (scripts/setup installs what they need; demo, bench and check run it):'
	@echo '  qemu             QEMU with the SDM devices: build/qemu-system-arm'
	@echo '  images           kernels and initramfs of master and slave: build/images'
	@echo '  demo             a master boots a slave, to watch; INTERACTIVE=1 leaves you in its shell'
	@echo '  demo-rproc       the same by the remoteproc framework; the slave reboots and is started again'
	@echo '  demo-rpmsg       master and slave exchange messages by rpmsg'
	@echo ''
	@echo '  bench            speed, beside what the host can do at best; QUICK=1: a subset, REFRESH=1: new documents'
	@echo '  check            all tests'
	@echo '  nightly          more of those that do random things; takes hours'
	@echo '  fuzz             inputs made at random, for TIME= seconds (600); TARGET= only one, COVERAGE=1 what is reached'
	@echo '  mutants          puts defects into the code, and looks whether the tests notice'
	@echo '  lint             style and static checks'
	@echo '  series           the QEMU half as patches with a cover letter: build/series'
	@echo '  dist             the archive of a release, of the last commit: build/sdm-VERSION.tar.xz'
	@echo '  clean, distclean'

.PHONY: all modules modules_install kernel-headers shadow tools html dtbs qemu images machines demo demo-rproc demo-rpmsg bench \
	check lint nightly fuzz mutants series dist clean distclean help
