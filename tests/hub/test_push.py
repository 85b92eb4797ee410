"""A push from end to end against the local hub: one commit, tagged, read back; and everything that goes wrong."""

import json

import datasets
import pytest
import time_machine
from django.utils import timezone
from huggingface_hub import HfApi

from config import storage
from config.faults import Fault
from curation.actions import hub as tokens
from curation.actions.pushes import push
from curation.hub import push as work
from curation.models import AuditEvent, Push
from jobs import actions as jobs
from jobs.models import Step
from jobs.runner import run_job
from tests.datasets import made
from tests.hub.server import TOKEN

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def version(cast, hub):
    tokens.keep(team=cast.team, by=cast.owner, token=TOKEN)
    return letters(cast.team)


def letters(team, name="Letters", count=40):
    task = made.task(team, count, name=f"Task of {name}", licence="CC0-1.0")
    splits = {"shares": {"train": 0.7, "test": 0.3}}
    return made.frozen(made.dataset(team, made.source(task), name=name, splits=splits))


def done(version, repo="ada/letters", **fields):
    found = push(version=version, by=None, repo=repo, **fields)
    return ended(found)


def ended(found, state="succeeded"):
    """Run the job; pauses that a hub asks for are not waited for."""
    Step.objects.filter(job=found.job_id, state=Step.State.WAITING).update(not_before=timezone.now())
    run_job(found.job)
    found.refresh_from_db()
    found.job.refresh_from_db()
    assert found.job.state == state, (found.job.error_what, found.job.error_advice)
    return found


def api(hub):
    return HfApi(endpoint=hub.url, token=TOKEN)


def test_a_version_arrives_whole(hub, cast, version, tmp_path):
    found = done(version)
    repo = hub.repos["ada/letters"]
    assert repo.private
    assert repo.branches["main"] == found.commit == repo.tags["v1"]
    assert (found.tag, bool(found.verified_at)) == ("v1", True)
    commit = repo.commits[found.commit]
    assert commit.title == "Letters, version 1"
    assert version.sha256 in commit.message
    assert set(commit.files) - {".gitattributes"} == set(found.files)
    assert {"README.md", "croissant.json", "run.json", "provenance.parquet", "train.parquet", "test.parquet"} == set(
        found.files
    )
    for name, sha in found.files.items():
        assert commit.files[name].sha256 == sha
    rows = datasets.load_dataset(
        "ada/letters", revision="v1", split="test", streaming=True, token=TOKEN, cache_dir=str(tmp_path)
    )
    assert len(list(rows)) == version.counts["split"]["test"]
    event = AuditEvent.objects.get(action="dataset.pushed")
    assert event.facts["commit"] == found.commit
    assert TOKEN not in json.dumps(event.facts)
    assert {one.token for one in hub.log if one.method == "PUT"} == {""}  # the token goes to the hub alone


def test_the_next_version_follows_and_files_of_the_last_one_that_are_gone_go(hub, cast, version):
    done(version, format="messages")
    repo = hub.repos["ada/letters"]
    repo.write({"notes.txt": b"of a person"})
    hub.log.clear()
    found = done(version, format="alpaca")
    files = set(repo.commits[found.commit].files)
    assert "notes.txt" in files
    assert "dataset_info.json" in files
    assert found.tag == "v1.1"  # v1 stays where it is
    assert repo.tags["v1"] != found.commit
    assert not hub.asked("/lfs/", "PUT")  # provenance.parquet was there
    again = done(version, format="parquet")
    assert "train.jsonl" not in repo.commits[again.commit].files
    assert "notes.txt" in repo.commits[again.commit].files


def test_the_same_files_again_make_no_second_commit(hub, version):
    one = done(version)
    two = done(version)
    assert (one.commit, one.tag) == (two.commit, two.tag)
    assert len(hub.repos["ada/letters"].commits) == 2


def test_a_branch_and_a_pull_request(hub, version):
    found = done(version, branch="next/one")
    repo = hub.repos["ada/letters"]
    assert repo.branches["next/one"] == found.commit != repo.branches["main"]
    other = hub.repo("ward/letters", {"README.md": b"# Theirs\n"})
    head = other.branches["main"]
    found = done(version, "ward/letters", pull_request=True, private=False)
    assert other.branches["main"] == head
    assert other.pulls == {1: found.commit}
    assert found.pull_url.endswith("/datasets/ward/letters/discussions/1")
    assert (found.tag, other.tags) == ("", {})


def test_a_public_push_is_asked_for(hub, version):
    done(version, "ada/open", private=False)
    assert not hub.repos["ada/open"].private
    hub.repo("ada/public", {"README.md": b"# Old\n"})
    found = failed(version, "ada/public", existing=True)
    assert found.job.error_code == "hub.public"
    assert len(hub.repos["ada/public"].commits) == 2


def failed(version, repo="ada/letters", **fields):
    return ended(push(version=version, by=None, repo=repo, **fields), "failed")


# --- what goes wrong ---


def test_401_a_token_that_is_revoked(hub, version):
    hub.people.clear()
    found = failed(version)
    assert found.job.error_code == "hub.token"
    assert "Invalid credentials" in found.job.error_what
    hub.people[TOKEN] = "ada"
    jobs.resume(job=found.job)
    assert ended(found).commit


def test_403_a_token_that_only_reads(hub, version):
    hub.readers.add(TOKEN)
    assert failed(version).job.error_code == "hub.forbidden"
    assert failed(version, "others/letters").job.error_code == "hub.forbidden"


def test_409_a_repository_of_others_is_left_alone(hub, version):
    repo = hub.repo("ada/letters", {"README.md": b"# Something else\n"}, private=True)
    found = failed(version)
    assert found.job.error_code == "hub.exists"
    assert len(repo.commits) == 2
    assert done(version, existing=True).commit in repo.commits


@pytest.mark.parametrize("headers", [{"Retry-After": "700"}, {"RateLimit": '"api";r=0;t=700'}])
def test_429_is_tried_again_after_the_pause_that_the_hub_asks_for(hub, version, headers):
    hub.fail(429, "/preupload/", headers=headers)
    found = push(version=version, by=None, repo="ada/letters")
    until(found, "upload")
    step = Step.objects.get(job=found.job, payload__do="upload")
    assert step.state == Step.State.WAITING
    assert 690 < (step.not_before - step.beat_at).total_seconds() < 780
    assert ended(found).verified_at


def until(found, name):
    """Run the job to the first step of this pass that waits."""
    from jobs.runner import run, take

    while (step := take("", job=found.job)) is not None:
        run(step)
    assert Step.objects.get(job=found.job, state=Step.State.WAITING).payload["do"] == name


@pytest.mark.parametrize(
    ("status", "path", "name"),
    [(500, "/repos/create", "prepare"), (502, "/lfs/", "upload"), (503, "/tree/", "commit"), (504, "/tag/", "check")],
)
def test_5xx_is_tried_again(hub, version, status, path, name):
    hub.fail(status, path, headers={"Retry-After": "500"})
    found = push(version=version, by=None, repo="ada/letters")
    until(found, name)
    assert ended(found).tag == "v1"
    assert len(hub.repos["ada/letters"].commits) == 2


def test_a_hub_that_stays_away_ends_with_a_reason(hub, version):
    hub.fail(503, "/repos/create", times=99, headers={"Retry-After": "0"})
    found = failed(version)
    assert found.job.error_code == "jobs.transient"
    assert "answered 503" in found.job.error_what


def test_a_connection_that_is_cut_in_mid_upload_goes_on(hub, version):
    hub.cut(after=200, skip=1)  # the second large file
    found = push(version=version, by=None, repo="ada/letters")
    until(found, "upload")
    sent = [one for one in hub.asked("/lfs/", "PUT") if one.status == 200]
    assert "ada/letters" in hub.repos
    assert len(hub.repos["ada/letters"].commits) == 1  # nothing is published
    ended(found)
    every = [one.path for one in hub.asked("/lfs/", "PUT") if one.status == 200]
    assert len(every) == len(set(every))  # what was sent before the cut was not sent again
    assert 0 < len(sent) < len(every)
    assert found.commit


def test_a_full_quota_publishes_nothing_and_goes_on_when_there_is_room(hub, version):
    hub.quota = 10
    found = failed(version)
    assert found.job.error_code == "hub.full"
    assert "storage limit" in found.job.error_what
    assert len(hub.repos["ada/letters"].commits) == 1
    hub.quota = None
    jobs.resume(job=found.job)
    ended(found)
    assert len(hub.repos["ada/letters"].commits) == 2


@pytest.mark.parametrize("pull_request", [False, True])
def test_an_answer_that_is_lost_makes_no_second_commit(hub, version, pull_request):
    hub.repo("ada/letters", private=True)
    hub.lose("/commit/")
    found = push(version=version, by=None, repo="ada/letters", pull_request=pull_request)
    until(found, "commit")
    repo = hub.repos["ada/letters"]
    assert len(repo.commits) == 2
    ended(found)
    assert len(repo.commits) == 2
    assert repo.pulls == ({1: found.commit} if pull_request else {})
    assert found.pull_number == (1 if pull_request else None)


def test_somebody_who_commits_meanwhile_is_not_written_over(hub, version, monkeypatch):
    repo = hub.repo("ada/letters", private=True)
    whole, late = work._operations, []

    def slow(*args):
        yield from whole(*args)
        if not late:
            late.append(repo.write({"late.txt": b"theirs"}))

    monkeypatch.setattr(work, "_operations", slow)
    found = ended(push(version=version, by=None, repo="ada/letters"))
    assert repo.commits[found.commit].parent == late[0]
    assert "late.txt" in repo.commits[found.commit].files
    assert len(repo.commits) == 3
    assert [one.status for one in hub.asked("/commit/", "POST")] == [412, 200]


def test_a_hub_that_holds_something_else_is_told(hub, version, monkeypatch):
    whole = work.commit

    def changed(*args):
        made = whole(*args)
        files = hub.repos["ada/letters"].commits[made["commit"]].files
        files["train.parquet"] = type(files["train.parquet"])(b"PAR1 something else", True)
        del files["run.json"]
        return made

    monkeypatch.setattr(work, "commit", changed)
    found = failed(version)
    assert found.job.error_code == "hub.differs"
    assert "run.json, train.parquet" in found.job.error_what
    assert not found.verified_at
    assert not hub.repos["ada/letters"].tags


def test_a_job_that_is_cancelled_stops_in_the_midst_of_a_file(hub, version, monkeypatch):
    found = push(version=version, by=None, repo="ada/letters")
    whole = work.Counted.read

    def read(self, size=-1):
        if self.counting:
            jobs.cancel(job=found.job)
            from jobs.errors import Cancelled

            raise Cancelled
        return whole(self, size)

    monkeypatch.setattr(work.Counted, "read", read)
    ended(found, "cancelled")
    assert len(hub.repos["ada/letters"].commits) == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"repo": "letters"}, "hub.repo"),
        ({"repo": ""}, "hub.repo"),
        ({"repo": "a/b/c"}, "hub.repo"),
        ({"repo": "a/../b"}, "hub.repo"),
        ({"repo": "a/b.git"}, "hub.repo"),
        ({"repo": "a/" + "b" * 100}, "hub.repo"),
        ({"branch": "refs/pr/1"}, "hub.branch"),
        ({"branch": "a b"}, "hub.branch"),
        ({"format": "yaml"}, "dataset.format"),
    ],
)
def test_wrong_words_are_told_before_anything_starts(version, fields, code):
    with pytest.raises(Fault) as raised:
        push(version=version, by=None, **{"repo": "ada/letters"} | fields)
    assert raised.value.code == code
    assert not Push.objects.exists()


def test_without_a_token_or_with_one_of_another_hub_nothing_starts(cast, hub, settings):
    found = letters(cast.team)
    with pytest.raises(Fault) as raised:
        push(version=found, by=None, repo="ada/letters")
    assert raised.value.code == "hub.no_token"
    tokens.keep(team=cast.team, by=cast.owner, token=TOKEN)
    started = push(version=found, by=None, repo="ada/letters")
    assert push(version=found, by=None, repo="ada/letters").pk == started.pk  # twice the same is once
    settings.HF_ENDPOINT = "https://elsewhere.example"
    with pytest.raises(Fault) as raised:
        push(version=found, by=None, repo="ada/letters")
    assert raised.value.code == "hub.elsewhere"
    assert ended(started, "failed").job.error_code == "hub.elsewhere"
    assert not hub.log


def test_a_private_address_is_refused(hub, version, settings):
    settings.OUTBOUND_ALLOW = []
    assert failed(version).job.error_code == "net.refused"
    assert not hub.log


def test_files_between_the_steps_go_when_all_is_done(version, hub):
    hub.quota = 10
    full = failed(version, "ada/other")
    assert storage.usage(work.folder(full)) > 0  # it may be resumed
    hub.quota = None
    found = done(version)
    assert storage.usage(work.folder(found)) == storage.usage(work.folder(full)) == 0
    jobs.resume(job=full.job)
    assert ended(full, "failed").job.error_code == "hub.gone"


def test_workers_that_are_told_to_stay_offline_say_so(hub, version, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    found = failed(version)
    assert found.job.error_code == "hub.unreachable"
    assert "HF_HUB_OFFLINE" in found.job.error_what


def test_the_clock_of_the_commit_message_is_nowhere(hub, version):
    """The same push on another day has the same files."""
    one = done(version, "ada/one")
    with time_machine.travel("2031-01-01", tick=True):
        two = done(version, "ada/two")
    assert one.files == two.files


def test_a_hub_that_is_not_there_is_called_by_name_and_says_where_to_look():
    import httpx2

    from curation.hub.client import understood
    from curation.hub.wire import unheard

    found = understood(httpx2.ConnectError("refused"))
    assert found.why == "the hub did not answer (ConnectError)"
    assert "HF_ENDPOINT" in found.mend
    assert "network" in found.mend
    assert unheard("huggingface.co", httpx2.ConnectTimeout("late")) == "huggingface.co did not answer (ConnectTimeout)"
    assert "broke" in unheard("huggingface.co", httpx2.ReadError("cut"))
