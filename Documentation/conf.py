# SPDX-License-Identifier: GPL-2.0-only
"""How Sphinx makes HTML of these documents (make html)."""

import os
import re

from docutils import nodes
from sphinx.util import logging

LOG = logging.getLogger(__name__)
TOP = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..")

with open(os.path.join(TOP, "include/sdm/sdm-release.h"), encoding="utf-8") as header:
    release = re.search(r'SDM_RELEASE\s+"(.*)"', header.read()).group(1)

project = "SDM"
author = "The SDM developers"
project_copyright = author
version = release

extensions = ["sphinx.ext.graphviz"]
graphviz_output_format = "svg"
exclude_patterns = ["examples"]
highlight_language = "none"
smartquotes = False
nitpicky = True

html_theme = "alabaster"
html_theme_options = {
    "description": "Several QEMU machines as one asymmetric multiprocessing system",
    "page_width": "1100px",
    "fixed_sidebar": True,
}
html_show_sphinx = False
html_copy_source = False


def follow_links(app, doctree, docname):
    """The documents name each other by their files, which is right wherever they are read; here it is another suffix."""
    for link in doctree.findall(nodes.reference):
        path, _, fragment = link.get("refuri", "").partition("#")
        if not path.endswith(".rst") or "://" in path:
            continue
        target = os.path.normpath(os.path.join(os.path.dirname(docname), path))[:-len(".rst")]
        if target not in app.env.found_docs:
            LOG.warning("there is no document %s", path, location=link)
            continue
        uri = app.builder.get_relative_uri(docname, target)
        link["refuri"] = uri + ("#" + fragment if fragment else "")


def setup(app):
    """Called by Sphinx."""
    app.connect("doctree-resolved", follow_links)
