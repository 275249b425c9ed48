"""pykka actors that share a dispatcher instead of owning a thread each.

Theory of operation
-------------------
An actor is its *mailbox*, the state that its handler keeps, and nothing else: no thread. A dispatcher gives every
actor a mailbox when it is created and decides who may *run* it, which means to take a message out and
call the actor's code. A mailbox is in exactly one of these states:

    waiting ──start──▶ ready ◀────────more messages─────────┐
                         │ ▲                                │
                    taken│ └──message into an empty box── idle
                         ▼                                  ▲
                      running ────────box empty─────────────┘
                         │
                         └──stopped or failed──▶ dead

- *waiting*: created, not started. Messages (also those from ``__init__``) stay in the box; ``on_start`` comes first.
- *ready*: in line, exactly once. *running*: exactly one thread is inside the actor. *idle*: nothing to do, in no line.
- *dead*: what is left, and what still arrives, is refused: an ask gets ``ActorDeadError``, a stop gets its
  answer (the actor did stop), a tell is dropped. The box lets go of the actor.

**Why no actor runs on two threads at once.** ``ThreadedDispatcher``: every mailbox owns one lock, its *claim*. Whoever
puts a message in tries to take the claim without waiting; only the one who gets it puts the mailbox in line. The claim
goes with the mailbox to the one worker that takes it from the line, and is given back when the turn is over. So there
is one entry in line, or one worker inside, never both. A worker gives the claim back *before* it looks into the box
again, a sender puts the message in *before* it tries the claim: one of them sees the other, so no message is left
behind. A dead mailbox keeps its claim for ever. A turn ends after ``TURN_MESSAGES_MAX`` messages, then the mailbox goes
to the end of the line. ``DeterministicDispatcher``: there is one line of *messages* for all actors, in the order in
which they were sent, and one thread at a time may drive it. Waiting mailboxes keep their messages to themselves until
they start, which puts ``on_start`` and then those messages in line.

**Who may wait.** Inside an actor of a ``ThreadedDispatcher``, ``future.get()`` lends the worker's place to another one
until the answer is there. Inside an actor of a ``DeterministicDispatcher`` waiting can only be for ever, so it raises
``DispatchError``; outside, on the thread that drives it, ``get()`` runs the actors until the answer is there.

**Where an actor lives.** ``dispatcher.start(ActorClass)`` says so; ``ActorClass.start()`` inside an actor (or its
``__init__``) takes the same dispatcher, elsewhere the process-wide default ``ThreadedDispatcher``.

Everything else is pykka's, unchanged: references, proxies, registry, hooks, logging.
"""

from actors.dispatch.actor import DispatchedActor, DispatchedFuture, Dispatcher, DispatchError, here
from actors.dispatch.deterministic import DeterministicDispatcher
from actors.dispatch.threaded import ThreadedDispatcher

__all__ = [
    "DeterministicDispatcher",
    "DispatchError",
    "DispatchedActor",
    "DispatchedFuture",
    "Dispatcher",
    "ThreadedDispatcher",
]

# A class attribute of a thread-local is every thread's default. It costs no thread until an actor starts.
type(here).home = ThreadedDispatcher()
