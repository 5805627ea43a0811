"""What runs by itself: the schedule of versions, managed repositories, the processes of this machine."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from worker.cli.operate.doctor.finding import Finding, ago
from worker.domain.image import FailureReason
from worker.domain.repositories import ManagedOptions
from worker.process.heartbeat import STALE_S, HeartbeatError, folder, seen
from worker.repositories.managed.folder import check_folder
from worker.services import Services
from worker.store.image_list import Failures, ImageList

_OVERDUE = timedelta(minutes=30)
_EXAMPLES = 3
_REACH = "can a worker of plugin.versions reach {host}, and what that leads to?"
_ADVICE: Mapping[FailureReason | None, str] = {
    "auth": (
        "is their credential in PLUGINS_REGISTRY_CREDENTIALS right? Without one, many registries refuse "
        "images that are private or do not exist"
    ),
    "refused": "see the registry's own log or status",
    "not_allowed": (
        "PLUGINS_ALLOWED_REGISTRIES and PLUGINS_REGISTRY_REALMS permit hosts here; a proxy has its own rules"
    ),
    "malformed": "is {host} a registry, and is no proxy or login page in front of it?",
    "not_found": "deregister the plugins whose images are gone or were never there",
}


def inspect_versions(services: Services) -> Iterator[Finding]:
    """Find images that are overdue or fail, by registry."""
    now = datetime.now(UTC)
    groups = services.image_store.queue.counts(now)
    failures = ImageList(services.database).failures(_EXAMPLES)
    late = [group for group in groups if group.oldest_due_at and now - group.oldest_due_at > _OVERDUE]
    if not late and not failures:
        images, due = sum(group.images for group in groups), sum(group.due for group in groups)
        details = {"images": images, "due": due}
        yield Finding("versions", "ok", "versions", f"{images} image(s), {due} due", details=details)
    for group in late:
        oldest = ago(group.oldest_due_at or now, now)
        text = f"{group.due} of {group.images} image(s) are due, the oldest for {oldest}"
        advice = "see plugins sync status; are beat and a worker of plugin.versions running?"
        details = {"images": group.images, "due": group.due}
        yield Finding("versions", "warn", group.budget_group, text, advice, details)
    sizes = {group.budget_group: group.images for group in groups}
    for failing in failures:
        yield _failing(failing, sizes.get(failing.budget_group, failing.count))


def _failing(failing: Failures, images: int) -> Finding:
    host, examples = failing.budget_group, failing.examples
    text = f"{failing.count} of {images} image(s) could not be read at the last try"
    if failing.reason:
        text += f": {failing.reason}"
    if detail := next((image.last_detail for image in examples if image.last_detail), None):
        text += f": {detail}"
    names = [image.ref.subject for image in examples]
    more = failing.count - len(names)
    text += f"; {', '.join(names)}" + (f" and {more} more" if more > 0 else "")
    advice = f"see plugins images --host {host}; {_ADVICE.get(failing.reason, _REACH).format(host=host)}"
    details = {"images": images, "failing": failing.count, "reason": failing.reason, "examples": names}
    return Finding("versions", "warn", host, text, advice, details)


def inspect_managed(services: Services) -> Iterator[Finding]:
    """Find documents of managed repositories that cannot be used, and say which fields are left out."""
    is_valid = True
    for repository in services.settings.repositories.managed:
        if not isinstance(repository.options, ManagedOptions):
            continue
        contents = check_folder(repository.options, services.policy)
        for fault in contents.faults:
            is_valid = False
            yield Finding("managed", "warn", "managed repositories", str(fault), "correct the document")
        if text := contents.left_out_text:
            text = f"{repository.repository_id}: fields that have no place here are left out: {text}"
            details = {"left_out": {name: len(files) for name, files in contents.left_out.items()}}
            yield Finding("managed", "ok", "managed repositories", text, details=details)
    if is_valid:
        yield Finding("managed", "ok", "managed repositories", "every document is valid")


def inspect_heartbeats(services: Services) -> Iterator[Finding]:
    """Inspect the processes of this machine that write a heartbeat. They may all run elsewhere."""
    try:
        processes = seen(folder(services.settings.heartbeat_dir))
    except HeartbeatError as error:
        yield Finding("heartbeat", "warn", "this machine", str(error), "set PLUGINS_HEARTBEAT_DIR")
        return
    if not processes:
        yield Finding("heartbeat", "ok", "this machine", "no process runs here")
    for process in processes:
        text = f"process {process.pid}, {process.age_s:.0f} s ago"
        if process.healthy:
            yield Finding("heartbeat", "ok", process.name, text)
        else:
            advice = f"it hangs ({STALE_S:g} s are allowed): end it, and keep its log"
            yield Finding("heartbeat", "fail", process.name, text, advice)
