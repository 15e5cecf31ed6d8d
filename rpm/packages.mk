# SPDX-License-Identifier: MIT
#
# Packages of a configured tree: `make deb' leaves them in deb/, `make rpm' in
# rpmbuild/.  NOCHECK=1 leaves out the test suite.

EXTRA_DIST += rpm/rpmlint.toml tests/packages/autopkgtest.sh \
	tests/packages/cross.sh tests/packages/deb.sh \
	tests/packages/piuparts.sh tests/packages/places.sh \
	tests/packages/root.sh tests/packages/rpm.sh \
	tests/packages/strip_lto.sh \
	tests/packages/source.sh tests/packages/upgrade.py
# For rpmbuild -ta.
EXTRA_DIST += rpm/ivykis.spec

cmakedir = $(libdir)/cmake/ivykis
cmake_DATA = cmake/ivykis-config.cmake cmake/ivykis-config-version.cmake

TARBALL = $(PACKAGE)-$(VERSION).tar.xz
RPMBUILD = rpmbuild

# Bit for bit the same for the same tree and SOURCE_DATE_EPOCH.
release-tarball:
	epoch=$${SOURCE_DATE_EPOCH-`git -C $(srcdir) log -1 --format=%ct \
		2>/dev/null || date +%s`}; \
	umask 022; LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=$$epoch \
	TAR_OPTIONS="--sort=name --owner=0 --group=0 --numeric-owner \
		--mtime=@$$epoch --mode=u+rw,go=rX" XZ_OPT=-T1 \
	$(MAKE) $(AM_MAKEFLAGS) dist

deb: release-tarball
	@test -d $(srcdir)/debian || { \
		echo 'make deb: debian/ is in the repository, not in the tarball' >&2; \
		exit 1; }
	rm -rf deb
	$(MKDIR_P) deb
	cp $(TARBALL) deb/$(PACKAGE)_$(VERSION).orig.tar.xz
	cd deb && tar -xJf $(PACKAGE)_$(VERSION).orig.tar.xz
	cp -R $(srcdir)/debian deb/$(PACKAGE)-$(VERSION)/debian
	cd deb/$(PACKAGE)-$(VERSION) && unset MAKEFLAGS MAKELEVEL && \
	DEB_BUILD_OPTIONS="$${DEB_BUILD_OPTIONS-} $(NOCHECK:1=nocheck)" \
	DEB_BUILD_PROFILES="$${DEB_BUILD_PROFILES-} $(NOCHECK:1=nocheck)" \
	dpkg-buildpackage -us -uc 2>&1 | tee ../build.log; \
	test -f ../*.changes
	@ls deb/*.deb

# Where rpm is not what installs packages its database knows none of them, if
# there is one: to ask would make it.
rpm: release-tarball
	rm -rf $(RPMBUILD)
	nodeps=; { test -d "`rpm --eval '%{_dbpath}'`" && \
		rpm -q gcc >/dev/null 2>&1; } || nodeps=--nodeps; \
	unset MAKEFLAGS MAKELEVEL; \
	rpmbuild -ta $$nodeps $(NOCHECK:1=--nocheck) $(RPMBUILD_FLAGS) \
		--define "_topdir $(abs_builddir)/$(RPMBUILD)" $(TARBALL)
	@ls $(RPMBUILD)/RPMS/*/*.rpm $(RPMBUILD)/SRPMS/*.rpm

clean-local: clean-packages
clean-packages:
	rm -rf deb $(RPMBUILD) $(TARBALL)

.PHONY: clean-packages deb release-tarball rpm
