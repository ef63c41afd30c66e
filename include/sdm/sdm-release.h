/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * The version of the project: of modules, programs and packages alike. What is
 * no C takes it from here. The register map and the protocol have versions of
 * their own.
 */
#ifndef SDM_SDM_RELEASE_H
#define SDM_SDM_RELEASE_H

#define SDM_RELEASE			"1.0"

#endif /* SDM_SDM_RELEASE_H */
