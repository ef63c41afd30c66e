# SPDX-License-Identifier: GPL-2.0-only
#
# Installation, for the Makefile. What is installed is listed once, for "make uninstall" as well.
#
#   DESTDIR=  a directory that stands for /, for packages
#   PREFIX=   where below that; udev, systemd, man and bash look into /usr/local, too

PREFIX ?= /usr/local

release = $(shell sed -n 's/.*SDM_RELEASE.*"\(.*\)"/\1/p' $(top)/include/sdm/sdm-release.h)
man := $(if $(O),$(objects),$(build))/man
pages := $(patsubst %.rst,%,$(notdir $(wildcard $(top)/Documentation/man/*.rst)))
dkms = $(DESTDIR)/usr/src/sdm-$(release)

# MODE:FILE:PLACE below PREFIX
tool_files := 755:$(if $(O),$(objects),$(top))/userspace/sdm-test:bin/sdm-test
tool_files += 755:$(top)/scripts/rproc-pack:bin/rproc-pack
tool_files += $(foreach tool,sdm-test rproc-pack,644:$(top)/userspace/$(tool).bash:share/bash-completion/completions/$(tool))
tool_files += 644:$(top)/userspace/60-sdm.rules:lib/udev/rules.d/60-sdm.rules
tool_files += 644:$(top)/userspace/sysusers.conf:lib/sysusers.d/sdm.conf
tool_files += $(foreach page,$(pages),644:$(man)/$(page):share/man/man$(subst .,,$(suffix $(page)))/$(page))
header_files := 644:$(top)/include/uapi/linux/sdm.h:include/linux/sdm.h
header_files += $(foreach file,$(wildcard $(top)/include/sdm/*.h),644:$(file):include/sdm/$(notdir $(file)))

kernelrelease = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)

part = $(word $(1),$(subst :, ,$(2)))
define install_one
install -D -m $(call part,1,$(1)) $(call part,2,$(1)) $(DESTDIR)$(PREFIX)/$(call part,3,$(1))

endef

install: install-modules install-tools install-headers

# Distributions keep the key that signs modules. kbuild would try nevertheless, and complain about each module.
key = $(shell sed -n 's/^CONFIG_MODULE_SIG_KEY="\?\([^"]*\)"\?$$/\1/p' $(KDIR)/include/config/auto.conf)
unsigned = $(if $(key),$(if $(filter pkcs11:%,$(key))$(wildcard $(key) $(KDIR)/$(key)),,CONFIG_MODULE_SIG_ALL=))

# kbuild runs depmod only if there is the kernel's System.map, which headers do not have. For another root it is up to
# those who install the package there.
install-modules: modules
	+$(kbuild) INSTALL_MOD_PATH=$(or $(INSTALL_MOD_PATH),$(DESTDIR)) DEPMOD=true $(unsigned) modules_install
	$(if $(DESTDIR),,depmod $(kernelrelease))

install-tools: tools man
	$(foreach file,$(tool_files),$(call install_one,$(file)))

install-headers:
	$(foreach file,$(header_files),$(call install_one,$(file)))

# The source of the modules, to be built by dkms(8). It looks for that in one place only.
install-dkms:
	cd $(top) && find Kbuild drivers include \( -name Kbuild -o -name '*.[ch]' \) ! -name '*.mod.c' \
		-exec install -D -m 644 {} $(dkms)/{} \;
	sed 's/#MODULE_VERSION#/$(release)/' $(top)/drivers/dkms.conf >$(dkms)/dkms.conf

man:
	@$(top)/scripts/man-pages $(man)

# modules_install puts them into one of these, depending on the kernel's version.
uninstall:
	rm -f $(foreach file,$(tool_files) $(header_files),$(DESTDIR)$(PREFIX)/$(call part,3,$(file)))
	rm -f $(foreach dir,updates extra,$(DESTDIR)/lib/modules/$(kernelrelease)/$(dir)/drivers/sdm_*.ko*)
	$(if $(DESTDIR),,depmod $(kernelrelease))

.PHONY: install install-modules install-tools install-headers install-dkms man uninstall
