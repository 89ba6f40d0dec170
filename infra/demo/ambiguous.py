"""The demo's hard messages: each has one right answer, and only a small cue says which.

`TWO_IN_ONE` holds two wishes, and `first` or `second` says which of them the customer wants dealt with.
`VAGUE` names hardly anything; sentences that differ in a word or two mean different intents.
"""

from typing import Final

TWO_IN_ONE: Final[tuple[tuple[str, str], ...]] = (
    ("{first}. but more urgently, {second}", "second"),
    ("{first}. also {second} but that can wait", "first"),
    ("{first}, and before anything else: {second}", "second"),
    ("{first}. I already know the answer to this one: {second}", "first"),
    ("{first}... no wait, forget that. {second}", "second"),
    ("{first}. not about what I wrote before, which was: {second}", "first"),
)

VAGUE: Final[tuple[tuple[str, str], ...]] = (
    ("it still hasn't [come|arrived], the {parcel} I mean", "delivery_delay"),
    ("it still hasn't [come|arrived], the money I mean", "refund_status"),
    ("it still hasn't [come|arrived], the paper with the tax on it I mean", "invoice"),
    ("it still hasn't [come|arrived], the reset mail I mean", "login_problem"),
    ("I don't want [it|the {item}] any more, it was sent {day}", "return_item"),
    ("I don't want [it|the {item}] any more, it will be sent {day}", "cancel_order"),
    ("I don't want [it|them] any more, the mails", "newsletter"),
    ("I'd like [it|the {item}] in {colour} instead, it arrived {day}", "exchange_item"),
    ("I'd like [it|the {item}] in {colour} instead, it ships {day}", "change_order"),
    ("I'd like [it|the {item}] in {colour}, do you have that", "availability"),
    ("the {item} [is broken|broke], I got it {day}", "damaged_item"),
    ("the {item} [is broken|broke], I got it two years ago", "warranty"),
    ("it doesn't work, the {item}", "damaged_item"),
    ("it doesn't work, the code", "voucher"),
    ("it doesn't work, paying", "payment_failed"),
    ("it doesn't work, signing in", "login_problem"),
    ("you took {amount} too much", "double_charge"),
    ("you took {amount} for sending it", "shipping_cost"),
    ("you gave me {amount} too little", "refund_status"),
    ("the address is wrong on the [invoice|receipt]", "invoice"),
    ("the address is wrong on the [label|{parcel}]", "change_address"),
    ("one {item} too many, it's in the basket you haven't packed", "change_order"),
    ("one {item} too many, it's in the box I opened", "wrong_item"),
    ("one {item} too few, it's not in the box I opened", "missing_item"),
    ("can somebody [please|] help me with my {parcel}", "human_agent"),
    ("what about my {parcel}", "order_status"),
    ("and the {item}?", "order_status"),
)
