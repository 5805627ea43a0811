"""Version lists: the order of names, newest first, the names that are not versions, and what changed.

The rule is in docs/registries.md, "Order of versions". ``order`` gives a name its place in a list, ``number``
reads the number of a version, ``suffix`` what stands behind it, and ``words`` what both know of words.
"""

from worker.domain.versions.change import VersionsChange
from worker.domain.versions.names import is_version_name, without_attachments
from worker.domain.versions.order import newest_first

__all__ = ["VersionsChange", "is_version_name", "newest_first", "without_attachments"]
