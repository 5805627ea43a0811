"""A value that is made at first use, once, whichever thread comes first."""

import threading
from functools import cached_property
from typing import Any, Self, TypeVar, overload

T = TypeVar("T")

_making = threading.RLock()


class once(cached_property[T]):
    """``cached_property`` with a lock, which the library's own has not since Python 3.12."""

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...

    def __get__(self, instance: object | None, owner: type[Any] | None = None) -> Self | T:
        if instance is None:
            return self
        with _making:
            return super().__get__(instance, owner)
