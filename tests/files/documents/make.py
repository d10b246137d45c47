"""Makes the documents beside it by programs that know nothing of our readers, and `truth.json`: what is in them.

    pip install pypandoc_binary typst docutils reportlab python-pptx odfpy python-docx openpyxl xlsxwriter
    python make.py

Each text is written by every program: headings, paragraphs, a list in each chapter, a table in each.
"""

import html
import json
import random
from email.message import EmailMessage
from pathlib import Path

HERE = Path(__file__).parent
TEXTS = {
    "barn": "keeper writes barley thirty jars every morning before lamps are lit nobody visits drying room without "
    "number weight grams shelf oats rye summer window north older seeds sleep longer than harvest says ledger question "
    "answer carefully measured moisture between cloth paper door closes behind",
    "rooms": "Gärtner schreibt früh über größere Häuser während naïve façade später übrig Öl möglich Straße fünf "
    "Körner trocken Gefäß Tür öffnet gemäß Prüfung jährlich Lüftung wärmer kühl Maß Grüße Bücher erklären café señor "
    "niño crème brûlée Zürich Übersicht ähnlich höher tägliche",
}
Block = tuple


def blocks_of(name: str) -> list[Block]:
    chance = random.Random(name)
    words = TEXTS[name].split()

    def sentence(count: int) -> str:
        return " ".join(chance.choice(words) for _ in range(count)).capitalize()

    found: list[Block] = []
    for chapter in range(1, 5):
        found.append(("h", 1, f"Chapter {chapter} {sentence(3)}"))
        for part in range(1, 3):
            found.append(("h", 2, f"Part {chapter}.{part} {sentence(3)}"))
            texts = [" ".join(sentence(chance.randint(8, 14)) + "." for _ in range(4)) for _ in range(2)]
            found += [("p", text) for text in texts]
        found.append(("ul", [sentence(5) for _ in range(4)]))
        rows = [[f"{sentence(1)} {chapter}{row}{column}" for column in range(4)] for row in range(6)]
        found.append(("table", rows))
        found.append(("p", sentence(12) + "."))
    return found


def markdown(blocks: list[Block]) -> str:
    lines = []
    for block in blocks:
        if block[0] == "h":
            lines.append("#" * block[1] + " " + block[2])
        elif block[0] == "p":
            lines.append(block[1])
        elif block[0] == "ul":
            lines.append("\n".join(f"- {item}" for item in block[1]))
        else:
            head, *rows = block[1]
            table = [head, ["---"] * len(head), *rows]
            lines.append("\n".join("| " + " | ".join(row) + " |" for row in table))
    return "\n\n".join(lines) + "\n"


def page(blocks: list[Block]) -> str:
    out = []
    for block in blocks:
        if block[0] == "h":
            out.append(f"<h{block[1]}>{html.escape(block[2])}</h{block[1]}>")
        elif block[0] == "p":
            out.append(f"<p>{html.escape(block[1])}</p>")
        elif block[0] == "ul":
            out.append("<ul>" + "".join(f"<li>{html.escape(item)}" for item in block[1]) + "</ul>")
        else:
            rows = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in row) for row in block[1])
            out.append(f"<table>{rows}</table>")
    return "\n".join(out)


def by_pandoc(name: str, blocks: list[Block]) -> None:
    import pypandoc

    for kind in ("docx", "odt", "epub", "rtf", "html", "pptx", "rst"):
        more = ["--standalone", "--metadata", f"title={name}"] if kind in {"html", "epub", "rtf"} else ["--standalone"]
        more += ["--slide-level=2"] if kind == "pptx" else []
        pypandoc.convert_text(
            markdown(blocks), kind, "gfm", outputfile=str(HERE / f"{name}-pandoc.{kind}"), extra_args=more
        )


def by_typst(name: str, blocks: list[Block]) -> None:
    import typst

    out = []
    for block in blocks:
        if block[0] == "h":
            out.append("=" * block[1] + " " + block[2])
        elif block[0] == "p":
            out.append(block[1])
        elif block[0] == "ul":
            out.append("\n".join(f"- {item}" for item in block[1]))
        else:
            cells = ", ".join(f"[{cell}]" for row in block[1] for cell in row)
            out.append(f"#table(columns: 4, {cells})")
    body = "\n\n".join(out)
    for way, columns in (("typst", 1), ("typst2", 2)):
        start = f'#set page(numbering: "1", header: [Running head of the book], columns: {columns})\n'
        start += "#set par(justify: true)\n"
        if columns == 2:
            start += "#set text(size: 8pt)\n"
        (HERE / f"{name}-{way}.pdf").write_bytes(typst.compile((start + body).encode()))


def by_reportlab(name: str, blocks: list[Block]) -> None:
    from reportlab.lib import colors
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import BaseDocTemplate, Frame, ListFlowable, PageTemplate, Paragraph, Table

    styles = getSampleStyleSheet()
    for way, columns in (("reportlab", 1), ("reportlab2", 2)):
        story = []
        for block in blocks:
            if block[0] == "h":
                story.append(Paragraph(block[2], styles[f"Heading{block[1]}"]))
            elif block[0] == "p":
                story.append(Paragraph(block[1], styles["BodyText"]))
            elif block[0] == "ul":
                items = [Paragraph(item, styles["BodyText"]) for item in block[1]]
                story.append(ListFlowable(items, bulletType="bullet"))
            else:
                size = 10 if columns == 1 else 6
                story.append(
                    Table(
                        block[1],
                        style=[("GRID", (0, 0), (-1, -1), 0.5, colors.black), ("FONTSIZE", (0, 0), (-1, -1), size)],
                    )
                )
        width = 480 / columns - 10
        frames = [Frame(60 + column * (width + 20), 70, width, 690) for column in range(columns)]

        def around(canvas: object, document: object) -> None:
            canvas.setFont("Helvetica", 8)
            canvas.drawString(60, 800, "Running head of the book")
            canvas.drawString(280, 40, f"Page {document.page}")

        template = BaseDocTemplate(str(HERE / f"{name}-{way}.pdf"), invariant=1)
        template.addPageTemplates([PageTemplate(frames=frames, onPage=around)])
        template.build(story)


def by_python_docx(name: str, blocks: list[Block]) -> None:
    import docx

    document = docx.Document()
    document.sections[0].footer.paragraphs[0].text = "Running foot"
    for block in blocks:
        if block[0] == "h":
            document.add_heading(block[2], block[1])
        elif block[0] == "p":
            document.add_paragraph(block[1])
        elif block[0] == "ul":
            for item in block[1]:
                document.add_paragraph(item, style="List Bullet")
        else:
            table = document.add_table(len(block[1]), 4)
            for cell, text in zip(table._cells, [cell for row in block[1] for cell in row], strict=True):
                cell.text = text
    document.save(HERE / f"{name}-python-docx.docx")


def by_odfpy(name: str, blocks: list[Block]) -> None:
    from odf.opendocument import OpenDocumentSpreadsheet, OpenDocumentText
    from odf.table import Table, TableCell, TableRow
    from odf.text import H, List, ListItem, P

    def table_of(rows: list[list[str]], number: int) -> Table:
        table = Table(name=f"Table {number}")
        for row in rows:
            line = TableRow()
            for text in row:
                cell = TableCell(valuetype="string")
                cell.addElement(P(text=text))
                line.addElement(cell)
            table.addElement(line)
        return table

    text, sheets = OpenDocumentText(), OpenDocumentSpreadsheet()
    for number, block in enumerate(blocks):
        if block[0] == "h":
            text.text.addElement(H(outlinelevel=block[1], text=block[2]))
        elif block[0] == "p":
            text.text.addElement(P(text=block[1]))
        elif block[0] == "ul":
            items = List()
            for each in block[1]:
                item = ListItem()
                item.addElement(P(text=each))
                items.addElement(item)
            text.text.addElement(items)
        else:
            text.text.addElement(table_of(block[1], number))
            sheets.spreadsheet.addElement(table_of(block[1], number))
    text.save(str(HERE / f"{name}-odfpy.odt"))
    sheets.save(str(HERE / f"{name}-odfpy.ods"))


def by_python_pptx(name: str, blocks: list[Block]) -> None:
    from pptx import Presentation
    from pptx.util import Inches

    deck = Presentation()
    slide = None
    for block in blocks:
        if block[0] == "h":
            slide = deck.slides.add_slide(deck.slide_layouts[5])
            slide.shapes.title.text = block[2]
        elif block[0] == "table":
            table = slide.shapes.add_table(6, 4, Inches(1), Inches(4), Inches(6), Inches(2)).table
            for row, cells in enumerate(block[1]):
                for column, text in enumerate(cells):
                    table.cell(row, column).text = text
        else:
            frame = slide.shapes.add_textbox(Inches(1), Inches(1), Inches(6), Inches(1)).text_frame
            frame.text = block[1] if block[0] == "p" else "\n".join(block[1])
    deck.save(HERE / f"{name}-python-pptx.pptx")


def by_sheet_writers(name: str, blocks: list[Block]) -> None:
    import openpyxl
    import xlsxwriter

    tables = [block[1] for block in blocks if block[0] == "table"]
    book = openpyxl.Workbook()
    book.remove(book.active)
    other = xlsxwriter.Workbook(HERE / f"{name}-xlsxwriter.xlsx")
    for number, rows in enumerate(tables):
        sheet, second = book.create_sheet(f"Table {number}"), other.add_worksheet(f"Table {number}")
        for row, cells in enumerate(rows):
            sheet.append(cells)
            second.write_row(row + 2, 1, cells)
    book.save(HERE / f"{name}-openpyxl.xlsx")
    other.close()


def by_docutils(name: str, _: list[Block]) -> None:
    from docutils.core import publish_string

    source = (HERE / f"{name}-pandoc.rst").read_text()
    settings = {"input_encoding": "unicode", "initial_header_level": 1, "doctitle_xform": False}
    made = publish_string(source, writer="html5", settings_overrides=settings)
    (HERE / f"{name}-docutils.html").write_bytes(made)


def by_hand(name: str, blocks: list[Block]) -> None:
    menu = "<nav><ul><li><a href='/'>Home</a><li><a href='/all'>All pages</a></ul></nav>"
    frame = (
        f"<header>Site name {menu}</header><main>%s</main><footer>Imprint and cookies</footer><script>gone()</script>"
    )
    (HERE / f"{name}-site.html").write_text(f"<!doctype html><title>x</title>{frame % page(blocks)}")
    for way, kind in (("mail", "plain"), ("mail2", "html")):
        message = EmailMessage()
        message["Subject"] = ""
        message["From"] = ""
        text = (
            "\n\n".join(" ".join(word for word in words(block)) for block in blocks)
            if kind == "plain"
            else page(blocks)
        )
        message.set_content(text, subtype=kind, cte="quoted-printable")
        (HERE / f"{name}-{way}.eml").write_bytes(message.as_bytes())


def words(block: Block) -> list[str]:
    if block[0] in {"h", "p"}:
        return block[-1].split()
    items = block[1] if block[0] == "ul" else [cell for row in block[1] for cell in row]
    return " ".join(items).split()


def main() -> None:
    truth = {name: blocks_of(name) for name in TEXTS}
    (HERE / "truth.json").write_text(json.dumps(truth, ensure_ascii=False))
    ways = (by_pandoc, by_typst, by_reportlab, by_python_docx, by_odfpy, by_python_pptx, by_sheet_writers)
    for name, blocks in truth.items():
        for way in (*ways, by_docutils, by_hand):
            way(name, blocks)


if __name__ == "__main__":
    main()
