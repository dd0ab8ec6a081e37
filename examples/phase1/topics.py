"""The topics of the system, who reads each, and how many partitions they have.

Every message of a batch has the batch's id as its key, and every topic the same number of partitions: so all that
concerns one batch lands in partitions of one number, and one replica of a service handles it.
"""

PARTITIONS = 4

REGISTERED = "huleedu.batch.essays.registered.v1"
CONTENT = "huleedu.file.essay.content.provisioned.v1"
COMPLETED = "huleedu.batch.content.provisioning.completed.v1"
COMMAND = "huleedu.batch.student.matching.initiate.command.v1"
REQUESTED = "huleedu.batch.student.matching.requested.v1"
SUGGESTED = "huleedu.batch.author.matches.suggested.v1"
CONFIRMED = "huleedu.class.student.associations.confirmed.v1"
READY = "huleedu.els.batch.essays.ready.v1"

READERS = {
    REGISTERED: ("essay_lifecycle_service",),
    CONTENT: ("essay_lifecycle_service",),
    COMPLETED: ("batch_orchestrator_service",),
    COMMAND: ("essay_lifecycle_service",),
    REQUESTED: ("nlp_service",),
    SUGGESTED: ("class_management_service",),
    CONFIRMED: ("batch_orchestrator_service", "essay_lifecycle_service"),
    READY: ("batch_orchestrator_service",),
}
ALL = tuple(READERS)
