// Rubric buttons: those that are pressed add up to the score, and stand as lines in the comment, which keeps them
// for the next time and tells the student. All is stored by formgrader's own fields.
(() => {
  const MARK = "\u2713 ";
  const byId = (id) => document.getElementById(id);

  function lines(comment) {
    return comment.value.split("\n");
  }

  function told(button) {
    return `${MARK}${button.dataset.points}: ${button.dataset.text}`;
  }

  function show(section) {
    const comment = byId(`${section.dataset.question}-comment`);
    const known = new Set(lines(comment));
    section.querySelectorAll(".quiz-criterion").forEach((button) => {
      button.setAttribute("aria-pressed", String(known.has(told(button))));
    });
  }

  function press(section, button) {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    const all = [...section.querySelectorAll(".quiz-criterion")];
    const pressed = all.filter((one) => one.getAttribute("aria-pressed") === "true");
    const comment = byId(`${section.dataset.question}-comment`);
    const own = new Set(all.map(told));
    const rest = lines(comment).filter((line) => !own.has(line)).join("\n").trim();
    comment.value = [...pressed.map(told), ...(rest ? [rest] : [])].join("\n");
    const points = pressed.reduce((sum, one) => sum + Number(one.dataset.points), 0);
    byId(section.dataset.question).value = Math.round(points * 1e4) / 1e4;
    // jQuery's, since formgrader listens through it.
    window.$(comment).trigger("change");
    window.$(byId(section.dataset.question)).trigger("change");
  }

  function waitForComments(tries) {
    const grader = window.formgrader;
    if (grader?.comments?.loaded && grader?.grades?.loaded) {
      document.querySelectorAll(".quiz-key").forEach((section) => {
        if (section.querySelector(".quiz-criterion")) show(section);
      });
      document.body.dataset.quizReady = "true";
    } else if (tries > 0) {
      setTimeout(() => waitForComments(tries - 1), 100);
    }
  }

  document.querySelectorAll(".quiz-key").forEach((section) => {
    section.querySelectorAll(".quiz-criterion").forEach((button) => {
      button.addEventListener("click", () => press(section, button));
    });
  });
  waitForComments(600);
})();
