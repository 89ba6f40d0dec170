"""Intents of the demo's customers: 24 of an online shop, most frequent first.

`[a|b|]` stands for one of the alternatives, `{item}` for a word of `phrasing.SLOTS`. Every intent has usual
phrasings and rare ones; the rare ones borrow words of other intents, as people do.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Phrasings:
    """Phrasings of one intent.

    Attributes:
        usual: those of most people, the most frequent first.
        rare: those of few people; harder, because their words point to other intents.
    """

    usual: tuple[str, ...]
    rare: tuple[str, ...]


INTENTS: Final[dict[str, Phrasings]] = {
    "order_status": Phrasings(
        (
            "where is my {parcel}",
            "[can you|could you] [track|check on|look up] my {parcel} {number}",
            "what's the status of [my order|order {number}]",
            "when will my {item} [arrive|get here|be delivered]",
            "has my {parcel} [shipped|been sent|left the warehouse] yet",
            "I'd like [a tracking number|tracking info] for my {parcel}",
            "is my {item} on [its|the] way",
        ),
        (
            "any news about the {item} I [ordered|bought] {day}",
            "the tracking page has not changed, [which depot is it in|where is it now]",
            "will somebody need to be home {day} to sign for it",
        ),
    ),
    "delivery_delay": Phrasings(
        (
            "my {parcel} is [late|overdue|delayed]",
            "my {item} [should have arrived|was due] {day} and [still hasn't|hasn't] come",
            "why is my {parcel} taking so long",
            "I've been waiting {days} for my {item}",
            "the [courier|driver] never [showed up|came] {day}",
            "you promised delivery by {day}, [nothing came|it's not here]",
            "it has been {days} and [still no {parcel}|my {parcel} isn't here]",
        ),
        (
            "next day shipping they said. that was {days} ago",
            "so much for express, I'm still without a {item}",
            "your estimate has moved again, now it says {day}",
        ),
    ),
    "return_item": Phrasings(
        (
            "how do I [return|send back] [my|this] {item}",
            "I want to [return|send back] the {item}",
            "can I get a return [label|slip] for order {number}",
            "what is your return[ policy|s policy]",
            "the {item} [isn't for me|doesn't suit me], how can I send it back",
            "how long do I have to return [something|a {item}]",
            "where do I [drop off|hand in] a return in {city}",
        ),
        (
            "I changed my mind about the {item} that came {day}",
            "do I have to pay the postage if I don't keep the {item}",
            "my wife doesn't like the {item}, what are our options",
        ),
    ),
    "refund_status": Phrasings(
        (
            "where is my refund",
            "when do I get my money [back|returned]",
            "I [returned|sent back] the {item} {days} ago and [have no refund|still no money]",
            "has my refund [been processed|gone out] [yet|]",
            "how long [does a refund take|until the refund is on {card}]",
            "I'm still waiting for the refund of {amount}",
            "my refund for order {number} [hasn't arrived|is missing]",
        ),
        (
            "you have had the {item} back since {day}, and my {amount}?",
            "nothing has been credited to {card} [so far|yet]",
            "the refund you sent is less than the {amount} I paid",
        ),
    ),
    "cancel_order": Phrasings(
        (
            "[please|I want to|I'd like to] cancel my order",
            "can I [still|] cancel order {number}",
            "cancel the {item} [please|I ordered {day}|]",
            "I ordered [by mistake|the wrong thing by accident], please cancel",
            "how do I cancel [an order|my order] before it ships",
            "stop order {number}, I don't need it any more",
        ),
        (
            "I ordered the {item} twice, only keep one of them",
            "don't send the {item}, I found one in {city}",
            "is it too late to call off the {item}",
        ),
    ),
    "product_question": Phrasings(
        (
            "[is|are] the {item} waterproof",
            "what [material|fabric] is the {item} made of",
            "does the {item} come with [batteries|a manual|a charger]",
            "how [big|heavy|wide] is the {item}",
            "is the {item} [suitable for|safe for] [kids|children|beginners]",
            "can the {item} go in the [dishwasher|washing machine]",
            "what's the difference between the two {item} models",
        ),
        (
            "I'm 1.85, would {size} of the {item} be right",
            "will the {item} work in [the US|Japan] with their sockets",
            "is your {item} vegan",
        ),
    ),
    "change_address": Phrasings(
        (
            "I need to change [the|my] delivery address",
            "[can you|please] send my {parcel} to [another|a different] address",
            "I [entered|put in] the wrong [address|postcode|house number]",
            "I've moved to {city}, [update my address|where do I change my address]",
            "change the shipping address [of order {number}|to {city}]",
            "deliver to my [office|neighbour|work address] instead",
        ),
        (
            "I won't be at home {day}, could it go to [my sister|a pickup point]",
            "the flat number is missing on the label of order {number}",
            "my street name is spelled wrong in the confirmation",
        ),
    ),
    "damaged_item": Phrasings(
        (
            "my {item} arrived [damaged|broken|smashed]",
            "the {item} [is cracked|has a scratch|has a dent]",
            "the box was [crushed|torn open] and the {item} is [broken|damaged]",
            "the {item} you sent is [broken|faulty|defective]",
            "received a [broken|damaged] {item} {day}",
            "there is a hole in the {item} [I got|that arrived] {day}",
        ),
        (
            "opened the parcel and found the {item} in pieces",
            "the {item} doesn't [turn on|work] straight out of the box",
            "somebody has used this {item} before, it's [dirty|stained]",
        ),
    ),
    "login_problem": Phrasings(
        (
            "I can't [log in|sign in|get into my account]",
            "I forgot my password",
            "the password reset [email|link] [doesn't come|never arrives|has expired]",
            "my account is locked",
            "it says [wrong password|unknown user] when I [log in|sign in]",
            "how do I reset my password",
        ),
        (
            "the code you text me never arrives",
            "I no longer have the email address I registered with",
            "the website throws me out every time I open my orders",
        ),
    ),
    "payment_failed": Phrasings(
        (
            "my payment [failed|was declined|didn't go through]",
            "I can't pay with {card}",
            "{card} was [declined|rejected] [at checkout|]",
            "the checkout [shows an error|keeps failing] when I pay",
            "why [can't I pay|is my payment refused]",
            "payment error [with|using] {card}",
        ),
        (
            "I press buy and nothing happens",
            "the bank says all is fine but you won't take {card}",
            "stuck at the 3D secure page, the order isn't placed",
        ),
    ),
    "exchange_item": Phrasings(
        (
            "can I [exchange|swap] the {item} for {size}",
            "the {item} is too [small|big|tight], I need {size}",
            "I'd like to exchange my {item}",
            "[swap|exchange] the {colour} {item} for a {colour} one",
            "how do exchanges work",
            "wrong size, can I get {size} instead",
        ),
        (
            "I'd rather have the {item} in {colour}, can I still switch, it came {day}",
            "the {item} doesn't fit, do you have {size} to trade",
            "send me {size} and I'll give the courier the old {item}",
        ),
    ),
    "voucher": Phrasings(
        (
            "my [voucher|discount code|promo code] doesn't work",
            "the code [is invalid|has expired|isn't accepted]",
            "how do I [use|apply|enter] a [voucher|discount code|promo code]",
            "I forgot to [use|enter] my [voucher|discount code]",
            "do you have a [student|first order] discount",
            "can I combine two [vouchers|promo codes]",
        ),
        (
            "the {amount} off from the email was not taken off my total",
            "checkout ignores WELCOME10",
            "my friend invited me, where is the bonus",
        ),
    ),
    "availability": Phrasings(
        (
            "is the {item} [in stock|available]",
            "when will the {item} be back in stock",
            "do you [have|sell] the {item} in {colour}",
            "is the {colour} {item} [sold out|gone]",
            "do you have {size} of the {item} [left|in stock]",
            "let me know when the {item} is [available|back]",
        ),
        (
            "can I see the {item} in your shop in {city}",
            "how many of the {item} do you have left, I need 12",
            "it says notify me on the {item} page, when",
        ),
    ),
    "wrong_item": Phrasings(
        (
            "I [got|received] the wrong {item}",
            "you sent me a {item} instead of a {item}",
            "this is not [what I ordered|the {item} I ordered]",
            "wrong [colour|size|model] of {item} [in the box|was delivered]",
            "I ordered a {colour} {item} and got a {colour} one",
            "the {parcel} contains [somebody else's|the wrong] {item}",
        ),
        (
            "there's a {item} in the parcel, I never bought one",
            "the name on this delivery note isn't mine",
            "it's the {item} from the old model year, I paid for the new one",
        ),
    ),
    "change_order": Phrasings(
        (
            "can I [add|put] a {item} [to|into] my order",
            "I want to change [my order|order {number}]",
            "can you change the {item} to {colour} before it ships",
            "[remove|take out] the {item} from [my order|order {number}]",
            "I'd like two instead of one {item} in order {number}",
            "please change the quantity [of the {item}|in my order]",
        ),
        (
            "make it {size}, please, if it hasn't been packed",
            "could order {number} go out together with the {item} I bought {day}",
            "I picked standard delivery and would like express for it now",
        ),
    ),
    "missing_item": Phrasings(
        (
            "[a|the] {item} is missing from my {parcel}",
            "only [half|part] of my order [arrived|came]",
            "my {parcel} was [empty|incomplete]",
            "I ordered two {item} and got [one|only one]",
            "there was no {item} in the box",
            "parts of the {item} are missing",
        ),
        (
            "the delivery note lists the {item}, the box doesn't have it",
            "tracking says delivered, but there is nothing at my door",
            "no screws came with the {item}",
        ),
    ),
    "shipping_cost": Phrasings(
        (
            "how much is [shipping|delivery]",
            "do you [ship|deliver] to {city}",
            "what does delivery to {city} cost",
            "is [shipping|delivery] free [over {amount}|]",
            "how much [extra|more] is express delivery",
            "do you ship [abroad|internationally]",
        ),
        (
            "from what total is there no postage",
            "do I pay customs if the {item} goes to Switzerland",
            "why was I asked for {amount} more at the last step",
        ),
    ),
    "invoice": Phrasings(
        (
            "I need an invoice for [my order|order {number}]",
            "can you [send|email] me the [receipt|invoice]",
            "where can I [download|find] my invoice",
            "the invoice for order {number} is [missing|wrong]",
            "I need a VAT [invoice|receipt]",
            "please put my company [name|address] on the invoice",
        ),
        (
            "accounting wants proof that I paid {amount} {day}",
            "something I can claim the {item} as an expense with",
            "our tax number is not on the paper that came with the {item}",
        ),
    ),
    "double_charge": Phrasings(
        (
            "I was charged twice",
            "you took [the money|{amount}] twice from {card}",
            "there are two charges of {amount} on {card}",
            "why was I [billed|charged] [two times|twice] for order {number}",
            "I paid twice for [one order|the {item}]",
            "I've been overcharged {amount}",
        ),
        (
            "my statement shows {amount} again {day} although I ordered once",
            "the failed payment was booked as well as the second one",
            "I don't recognise {amount} from your shop on {card}",
        ),
    ),
    "warranty": Phrasings(
        (
            "is the {item} still under [warranty|guarantee]",
            "how long is the [warranty|guarantee] on the {item}",
            "my {item} [stopped working|broke] after {days}, [is that warranty|is it covered]",
            "I want to make a warranty claim",
            "can you repair my {item}",
            "what does the warranty cover",
        ),
        (
            "after a year the {item} makes a strange noise, can it be fixed",
            "do you sell a new motor for the {item}",
            "the zip of my two year old {item} gave up",
        ),
    ),
    "gift_card": Phrasings(
        (
            "how do I [buy|order] a gift card",
            "what's the balance [on|of] my gift card",
            "my gift card [doesn't work|isn't accepted]",
            "can I pay with a gift card",
            "does [a|the] gift card expire",
            "I lost my gift card",
        ),
        (
            "grandma's present card of {amount}, how do I spend it",
            "there is {amount} left on the card from Christmas I think",
            "can I send {amount} of credit to a friend in {city}",
        ),
    ),
    "human_agent": Phrasings(
        (
            "[can I|I want to|let me] [talk|speak] to a [human|person|real person]",
            "connect me [to|with] an agent",
            "is there a [phone number|number I can call]",
            "[call me back|please call me]",
            "I don't want to talk to a bot",
            "agent [please|now|]",
        ),
        (
            "put me through to your supervisor",
            "nobody answers on the line, I've tried since {day}",
            "stop sending me these automatic replies about my {parcel}",
        ),
    ),
    "newsletter": Phrasings(
        (
            "unsubscribe me [from the newsletter|]",
            "stop sending me [emails|newsletters|ads]",
            "how do I [unsubscribe|opt out]",
            "I get too many emails from you",
            "take me off your mailing list",
            "sign me up for the newsletter",
        ),
        (
            "your {item} adverts fill my inbox",
            "why do I get mail from you every {day}, I never asked",
            "I'd like to hear about offers again",
        ),
    ),
    "delete_account": Phrasings(
        (
            "[delete|close|remove] my account",
            "how do I [delete|close] my account",
            "I want [all my data|my personal data] [deleted|erased]",
            "please [erase|delete] my [profile|details] under GDPR",
            "I don't want an account [with you|] any more",
            "deactivate my account",
        ),
        (
            "forget everything you know about me",
            "I'm leaving for good, what happens with my data",
            "remove {card} and my address from your system for ever",
        ),
    ),
}
