// Shows the OpenAPI document that the selector names; the fragment remembers the choice.
"use strict";
const selector = document.getElementById("service");

function show() {
  SwaggerUIBundle({
    url: selector.value,
    dom_id: "#document",
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    validatorUrl: null,
  });
}

const wanted = [...selector.options].find((option) => "#" + option.text === location.hash);
if (wanted) {
  selector.value = wanted.value;
}
selector.addEventListener("change", () => {
  location.hash = selector.selectedOptions[0].text;
  show();
});
show();
