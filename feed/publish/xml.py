"""What RSS and Atom share: a channel as feedgen's feed, with every date set."""

from feedgen.feed import FeedGenerator

from feed.publish.channel import Channel


def feed(channel: Channel, form: str, media_type: str) -> FeedGenerator:
    """The channel as a FeedGenerator whose own address is that of the format `form`.

    feedgen stamps the clock's time wherever a date is left out, makes the last link the RSS one,
    prepends entries, and loses the `rel` of an entry's links: hence the dates, the order of the
    links, `order="append"`, and no more than one link in an entry.
    """
    generator = FeedGenerator()
    generator.load_extension("dc")
    generator.id(channel.id)
    generator.title(channel.title)
    generator.subtitle(channel.description)
    generator.description(channel.description)
    generator.language(channel.language)
    generator.author(name=channel.author)
    generator.updated(channel.updated)
    generator.generator("Devis")
    generator.icon(channel.icon_url)
    generator.ttl(60)
    generator.link(href=channel.url + form, rel="self", type=media_type)
    generator.link(
        href=channel.home_url, rel="alternate", type="text/html", hreflang=channel.language
    )
    for item in channel.items:
        entry = generator.add_entry(order="append")
        entry.id(item.id)
        entry.title(item.title)
        entry.author(name=item.author)
        if form == "rss":  # whose own author must be an e-mail address
            entry.dc.dc_creator(item.author)
        entry.published(item.published)
        entry.updated(item.updated)
        entry.summary(item.summary)
        entry.content(item.html, type="html")
        if item.source_title:
            entry.dc.dc_source(item.source_title)
        entry.link(href=item.url)
        for term, label in item.categories:
            entry.category(term=term, label=label)
    return generator
