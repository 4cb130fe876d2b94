// Shows the OpenAPI document that the selector names; the fragment remembers the choice.
"use strict";
const selector = document.getElementById("service");
const wanted = [...selector.options].find((option) => "#" + option.text === location.hash);
if (wanted) {
  selector.value = wanted.value;
}
selector.addEventListener("change", () => {
  location.hash = selector.selectedOptions[0].text;
});
// Swagger UI keeps the schemas of the document before: each one gets a fresh page.
window.addEventListener("hashchange", () => location.reload());

SwaggerUIBundle({
  url: selector.value,
  dom_id: "#document",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  validatorUrl: null,
});
